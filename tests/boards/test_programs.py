import sys
from pathlib import Path

import pytest

from edgeprune.boards import ARM64, ARMHF
from edgeprune.boards.programs import PACKAGES, check_programs, missing_programs, run
from edgeprune.errors import TargetError


def test_missing_programs_are_named_with_the_command_that_installs_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert missing_programs() == list(ARM64.virtual_programs)
    with pytest.raises(TargetError) as caught:
        check_programs(("qemu-system-aarch64", "ssh", "ssh-keygen"))
    text = str(caught.value)
    assert "qemu-system-aarch64, ssh, ssh-keygen" in text
    assert text.endswith(
        "sudo apt-get install --no-install-recommends qemu-system-arm openssh-client"
    )


def test_nothing_is_asked_for_that_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ARM64.virtual_programs:
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert missing_programs() == []
    check_programs()


def test_every_program_has_a_package() -> None:
    for architecture in (ARM64, ARMHF):
        assert set(architecture.virtual_programs) <= set(PACKAGES)


def test_a_failing_program_is_quoted() -> None:
    with pytest.raises(TargetError, match=r"(?s)baking failed .*exit code 3.*too hot"):
        run([sys.executable, "-c", "import sys; print('too hot'); sys.exit(3)"], "baking")


def test_a_program_that_hangs_is_ended() -> None:
    with pytest.raises(TargetError, match="baking did not end within"):
        run([sys.executable, "-c", "import time; time.sleep(60)"], "baking", timeout_s=0.2)


def test_a_program_that_is_not_there_is_named() -> None:
    with pytest.raises(TargetError, match="no-such-program cannot be started"):
        run(["no-such-program"], "baking")
