import os
import subprocess
import sys
from pathlib import Path

import pytest

from edgeprune.boards.store import made_once, store
from edgeprune.errors import TargetError

#: Makes an entry, slowly, and counts how often it is made.
MAKER = """
import sys, time
from pathlib import Path
from edgeprune.boards.store import made_once

def make(folder):
    print("making", flush=True)
    (folder / "first").write_text("1")
    time.sleep(float(sys.argv[1]))
    (folder / "second").write_text("2")

folder = made_once("entry", make, note=lambda text: print(text, flush=True))
assert sorted(file.name for file in folder.iterdir()) == ["first", "second"]
"""


def maker(seconds: float) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", MAKER, str(seconds)], stdout=subprocess.PIPE, text=True
    )


def test_an_entry_is_made_once(empty_store: Path) -> None:
    made: list[Path] = []

    def make(folder: Path) -> None:
        made.append(folder)
        (folder / "file").touch()

    first = made_once("entry", make)
    assert made_once("entry", make) == first == empty_store / "entry"
    assert len(made) == 1 and (first / "file").is_file()


def test_two_processes_make_it_once(empty_store: Path) -> None:
    both = [maker(0.5), maker(0.5)]
    output = "".join(process.communicate(timeout=30)[0] for process in both)
    assert [process.returncode for process in both] == [0, 0]
    assert output.count("making") == 1


def test_the_second_says_that_it_waits(empty_store: Path) -> None:
    first = maker(1)
    assert first.stdout is not None and first.stdout.readline() == "making\n"
    second = maker(0)
    assert "waiting for another process" in second.communicate(timeout=30)[0]
    first.communicate(timeout=30)


@pytest.mark.parametrize("failure", [RuntimeError, KeyboardInterrupt])
def test_what_fails_leaves_nothing(empty_store: Path, failure: type[BaseException]) -> None:
    def make(folder: Path) -> None:
        (folder / "half").touch()
        raise failure

    with pytest.raises(failure):
        made_once("entry", make)
    assert [name for name in os.listdir(empty_store) if not name.endswith(".lock")] == []


def test_what_a_killed_process_left_is_made_anew(empty_store: Path) -> None:
    killed = maker(60)
    assert killed.stdout is not None and killed.stdout.readline() == "making\n"
    killed.kill()
    killed.communicate(timeout=30)
    assert not (empty_store / "entry").exists()
    again = maker(0)
    again.communicate(timeout=30)
    assert again.returncode == 0
    assert sorted(os.listdir(empty_store)) == [".entry.lock", "entry"]


def test_it_is_private_and_where_the_user_wants_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("EDGEPRUNE_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert store() == tmp_path / "xdg/edgeprune/boards"
    assert store().stat().st_mode & 0o777 == 0o700
    monkeypatch.setenv("EDGEPRUNE_CACHE", str(tmp_path / "mine"))
    assert store() == tmp_path / "mine/boards"
    monkeypatch.delenv("EDGEPRUNE_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert store() == tmp_path / "home/.cache/edgeprune/boards"


def test_a_cache_that_is_a_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a-file").touch()
    monkeypatch.setenv("EDGEPRUNE_CACHE", str(tmp_path / "a-file"))
    with pytest.raises(TargetError, match=r"a-file.*EDGEPRUNE_CACHE"):
        store()
