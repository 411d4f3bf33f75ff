import platform
import shutil
import subprocess
from importlib import util
from pathlib import Path

import pytest

from edgeprune.config import load_target
from edgeprune.deploy.checking import check_product, check_products
from edgeprune.deploy.elf import elf_facts, is_elf, older
from edgeprune.errors import TargetError

pytest.importorskip("elftools", reason="the extra `boards` is not installed")

PI = load_target("raspberry-pi-4")


def onnx_runtime() -> Path:
    package = Path(str(util.find_spec("onnxruntime").origin)).parent  # type: ignore[union-attr]
    return next((package / "capi").glob("libonnxruntime.so.*"))


def test_a_library_tells_what_it_needs() -> None:
    facts = elf_facts(onnx_runtime())
    assert facts.machine == platform.machine() and facts.bits == 64
    assert facts.kind == "library" and not facts.static
    assert "libc.so.6" in facts.libraries
    said = subprocess.run(["readelf", "-V", onnx_runtime()], capture_output=True, text=True)
    if said.returncode == 0:
        assert f"GLIBC_{facts.glibc}" in said.stdout
        words = said.stdout.replace("GLIBC_PRIVATE", "").split()
        assert not [
            word
            for word in words
            if word.startswith("GLIBC_") and older(str(facts.glibc), word.removeprefix("GLIBC_"))
        ]


@pytest.mark.parametrize(
    ("compiler", "machine", "bits"),
    [
        ("gcc", platform.machine(), 64),
        ("aarch64-linux-gnu-gcc", "aarch64", 64),
        ("arm-linux-gnueabihf-gcc", "armv7l", 32),
    ],
)
def test_programs_of_every_toolchain(
    compiler: str, machine: str, bits: int, tmp_path: Path
) -> None:
    if shutil.which(compiler) is None:
        pytest.skip(f"no {compiler}: make cross")
    (tmp_path / "main.c").write_text("int main(void) { return 0; }")
    for name, options in (("dynamic", []), ("static", ["-static"])):
        command = [compiler, *options, "-o", str(tmp_path / name), str(tmp_path / "main.c")]
        subprocess.run(command, check=True)
        facts = elf_facts(tmp_path / name)
        assert (facts.machine, facts.bits, facts.kind) == (machine, bits, "program")
        assert facts.static == (name == "static") == (facts.glibc is None)
        assert ("hard-float" in facts.features) == (machine == "armv7l")


def test_versions_are_numbers_and_not_texts() -> None:
    assert older("2.9", "2.34") and not older("2.34", "2.34") and not older("3.0", "2.34")


def test_half_a_file_is_refused(tmp_path: Path) -> None:
    half = tmp_path / "half.so"
    half.write_bytes(onnx_runtime().read_bytes()[:40])
    assert is_elf(half)
    with pytest.raises(TargetError, match=r"half\.so is no whole ELF file"):
        elf_facts(half)


def test_a_product_for_another_machine_is_refused(tmp_path: Path) -> None:
    if platform.machine() == "aarch64":
        pytest.skip("this machine is the target's")
    shutil.copy(onnx_runtime(), tmp_path / "libonnxruntime.so.1")
    with pytest.raises(TargetError, match=r"so\.1 is for x86_64, and 'raspberry-pi-4' is aarch64"):
        check_products(tmp_path, PI, "aarch64")


def test_a_product_that_needs_a_newer_glibc_is_refused() -> None:
    facts = elf_facts(onnx_runtime())
    old = PI.model_copy(update={"glibc": "2.9"})
    with pytest.raises(TargetError, match=r"needs glibc 2\.\d+, and 'raspberry-pi-4' has 2\.9"):
        check_product("lib/x.so", facts, old, facts.machine)
    check_product("lib/x.so", facts, PI.model_copy(update={"glibc": facts.glibc}), facts.machine)
    check_product("lib/x.so", facts, PI.model_copy(update={"glibc": None}), facts.machine)
