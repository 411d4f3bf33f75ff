"""What a power cut or an upgrade leaves of journal and snapshot: the search goes on as if whole."""

import random
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from edgeprune.errors import RunError
from edgeprune.search import SearchResult, make_sampler, read_trials, run_search
from edgeprune.search.journal import Journal
from edgeprune.testing.samplers import SmallNet, accuracy_reward

NET = SmallNet()
#: How many bytes at a file's end may be lost, and how many places are tried.
LAST, CUTS = 4096, 30
#: Each with what a state of it holds.
SAMPLERS: dict[str, dict[str, Any]] = {
    "amc": {"critic": "step", "warmup": 4},
    "amc-plan": {},
    "knapsack": {},
    "purl": {},
    "qlp": {},
    "random": {},
}


def _run(directory: Path, trials: int, name: str = "random") -> SearchResult:
    problem = NET.problem()
    sampler = make_sampler(name.removesuffix("-plan"), problem, 0, 12, SAMPLERS[name])
    return run_search(
        problem, sampler, NET.evaluate, accuracy_reward, trials=trials, directory=directory
    )


def _cuts(size: int) -> list[int]:
    """The ends of the file, and places drawn in between."""
    first = max(0, size - LAST)
    drawn = random.Random(0).sample(range(first, size), min(CUTS, size - first))
    return sorted({0, first, size - 2, size - 1, *drawn})


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    _run(folder, 12)
    return folder


@pytest.mark.parametrize("file", ["journal.log", "sampler.pt"])
def test_cut_anywhere_in_its_end_it_still_opens(whole: Path, file: str, tmp_path: Path) -> None:
    expected = [trial.widths for trial in read_trials(whole)]
    content = (whole / file).read_bytes()
    for cut in _cuts(len(content)):
        folder = tmp_path / str(cut)
        shutil.copytree(whole, folder)
        (folder / file).write_bytes(content[:cut])
        if file == "journal.log":
            left = content[:cut].count(b"\n") - 1
            assert len(read_trials(folder)) == max(left, 0), cut
        assert [trial.widths for trial in _run(folder, 12).trials] == expected, cut


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_state_with_other_keys_is_replayed(
    name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    expected = [trial.widths for trial in _run(tmp_path / "whole", 12, name).trials]
    _run(tmp_path / "base", 10, name)
    saved = torch.load(tmp_path / "base" / "sampler.pt", weights_only=True)
    assert saved["trials"] == 10
    *kept, last = saved["state"]  # all is loaded before that is missing
    state = {key: saved["state"][key] for key in kept} | {f"older {last}": 1}
    torch.save({"trials": 10, "state": state}, tmp_path / "base" / "sampler.pt")
    assert [trial.widths for trial in _run(tmp_path / "base", 12, name).trials] == expected
    assert "its trials are replayed instead" in caplog.text
    assert "proposed differently" not in caplog.text


@pytest.mark.parametrize("saved", [[], 7, {"trials": 5}, {"trials": "x", "state": {}}, {}])
def test_a_snapshot_that_is_something_else_is_replayed(
    saved: object, whole: Path, tmp_path: Path
) -> None:
    shutil.copytree(whole, tmp_path / "copy")
    torch.save(saved, tmp_path / "copy" / "sampler.pt")
    assert len(_run(tmp_path / "copy", 13).trials) == 13


@pytest.mark.parametrize("line", [b"7\n", b"[]\n", b'{"op_code": 4}\n', b"[" * 9_000 + b"\n"])
def test_a_line_that_is_no_trial_is_damage_with_a_name(
    line: bytes, whole: Path, tmp_path: Path
) -> None:
    content = (whole / "journal.log").read_bytes()
    first = content.index(b"\n") + 1
    (tmp_path / "journal.log").write_bytes(content[:first] + line + content[first:])
    for read in (read_trials, Journal):
        with pytest.raises(RunError, match=r"journal\.log is damaged"):
            read(tmp_path)
