"""Text from files and devices is shown, never obeyed, and cannot make a command fail."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from edgeprune.cli.target_views import show_links
from edgeprune.devices.check import Link
from edgeprune.terminal import column, console, say, shown, status
from edgeprune.testing.devices import small_net
from tests.called import called

ROOT = Path(__file__).parents[1]
#: Clears the screen, sets the title, is markup of rich, turns the writing direction round, is no
#: character of a file's name that can be encoded.
HOSTILE = "x\x1b[2J\x1b]0;owned\x07[/b][red]:boom:\x9b1m\u202etxt\udcff"
HARMLESS = r"x\x1b[2J\x1b]0;owned\x07[/b][red]:boom:\x9b1m\u202etxt\udcff"


def test_control_characters_become_visible() -> None:
    assert shown(HOSTILE) == HARMLESS
    assert shown("lines\nand\ttabs, 95 %, “ü”") == "lines\nand\ttabs, 95 %, “ü”"


def test_every_way_to_the_terminal_is_safe(capsys: pytest.CaptureFixture[str]) -> None:
    table = Table()
    table.add_column(HOSTILE)
    table.add_row(HOSTILE)
    table.add_row(Text(HOSTILE))
    terminal = console()
    terminal.print(table)
    terminal.print(HOSTILE, style="bold red")
    say(HOSTILE)
    show_links([Link(HOSTILE, "ok", HOSTILE, HOSTILE)])
    with Progress(column("{task.description}"), console=terminal) as progress:
        progress.add_task(HOSTILE, total=1)
    with status(HOSTILE) as tell:
        tell(HOSTILE)
    out, errors = capsys.readouterr()
    assert out.count(HARMLESS) + out.count(HARMLESS[:20]) >= 8
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", out + errors)


def test_on_a_real_terminal_only_our_own_sequences_are_sent() -> None:
    script = f"""
from edgeprune.terminal import console
from rich.table import Table
table = Table(); table.add_column({HOSTILE!r}, style="bold"); table.add_row({HOSTILE!r})
terminal = console(); terminal._force_terminal = True; terminal._color_system = None
terminal.print(table, style="bold")
"""
    out = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    ).stdout
    assert r"\x1b]0;owned" in out
    assert "\x1b[2J" not in out and "\x1b]" not in out and "\x9b" not in out


@pytest.mark.parametrize("name", ["x[/tmp].onnx", "[/b].onnx", "x\x1b[2J.onnx", "x\udcff.onnx"])
def test_files_of_any_name_are_measured(name: str, tmp_path: Path) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_bytes(small_net(16, size=16))
    done = called("measure", tmp_path / name, "--target", "simulated")
    assert done.exit_code == 0
    assert "against itself" in done.stdout and "\x1b" not in done.stdout
    missing = called("measure", tmp_path / f"no{name}", "--target", "simulated")
    assert missing.exit_code == 2 and "\x1b" not in missing.stderr


def test_targets_of_any_name_are_checked(tmp_path: Path) -> None:
    profile = tmp_path / "[/b].yaml"
    profile.parent.mkdir()
    profile.write_text("{name: 'x[', kind: command, command: {python: ['/no/[bold]python']}}")
    done = called("target", "check", profile)
    assert done.exit_code == 2 and "/no/[bold]python" in done.stdout


def test_what_a_device_answers_is_only_shown(tmp_path: Path) -> None:
    device = tmp_path / "device.sh"
    device.write_text("#!/bin/sh\nprintf 'sorry\\033[2J\\033]0;owned\\007[/b]\\n' >&2\nexit 3\n")
    device.chmod(0o755)
    profile = tmp_path / "device.yaml"
    profile.write_text(f"{{name: device, kind: command, command: {{python: ['{device}']}}}}")
    (tmp_path / "x.onnx").write_bytes(small_net(16, size=16))
    done = called("measure", tmp_path / "x.onnx", "--target", profile)
    assert done.exit_code == 2 and "\x1b" not in done.stderr
    assert "sorry [2J ]0;owned [/b]" in done.stderr


def test_a_terminal_without_the_letters_gets_escapes() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "edgeprune", "target", "check", "fehlt-ü…"],
        env=os.environ | {"PYTHONIOENCODING": "ascii"},
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 2 and r"fehlt-\xfc\u2026" in done.stderr


def test_a_command_that_is_asked_to_end_leaves_nothing_half_made(tmp_path: Path) -> None:
    script = """
import sys, tempfile, time
from edgeprune.cli.outcomes import exit_for_errors, prepare
import typer
app = typer.Typer()
@app.command()
def build():
    with exit_for_errors(), tempfile.TemporaryDirectory(dir=sys.argv[1]):
        print("begun", flush=True)
        time.sleep(60)
prepare()
app([])
"""
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert process.stdout is not None and process.stdout.readline() == "begun\n"
    assert list(tmp_path.iterdir())
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 143 and errors == "ended\n"
    assert not list(tmp_path.iterdir())
