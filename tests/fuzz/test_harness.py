"""The harness sees what it is there for: each way to fail, and nothing else."""

import os
import random
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from edgeprune.errors import ConfigError
from tests.fuzz import batches
from tests.fuzz.batches import fuzz
from tests.fuzz.surface import Entering, Surface

Act = Callable[[Path, Entering], object]


class _Toy(Surface):
    """Does one thing, whatever its input."""

    seeds = (b"fine",)

    def __init__(self, act: Act) -> None:
        self._act = act

    def mutated(self, generator: random.Random) -> bytes:
        return b"given"

    def case(self, content: bytes, folder: Path, native: Entering) -> None:
        self._act(folder, native)


def _raise(error: BaseException) -> Act:
    def act(folder: Path, native: Entering) -> None:
        raise error

    return act


def _hidden_memory(folder: Path, native: Entering) -> None:
    try:
        bytearray(2 << 30)
    except MemoryError as error:
        msg = "cannot be read"
        raise ConfigError(msg) from error


def _native(act: Act) -> Act:
    return lambda folder, native: (native(), act(folder, native))


def _crash(folder: Path, native: Entering) -> None:
    os.abort()


ACTS: dict[str, Act] = {
    "exception": _raise(KeyError("agent")),
    "exit": _raise(SystemExit(0)),
    "message": _raise(ConfigError("\ud800")),
    "hang": lambda folder, native: time.sleep(60),
    "crash": _crash,
    "memory": lambda folder, native: bytearray(2 << 30),
    "hidden memory": _hidden_memory,
    "write": lambda folder, native: (folder / "../../edgeprune-outside").write_text("x"),
    "remove": lambda folder, native: (folder / "../../edgeprune-outside").unlink(missing_ok=True),
    "start": lambda folder, native: subprocess.run(["true"], check=True),
}
KINDS = {"exit": "exception", "hidden memory": "memory", "remove": "write", "start": "write"}
HARMLESS: dict[str, Act] = {
    "accepted": lambda folder, native: (folder / "inside").write_text("x"),
    "refused": _raise(ConfigError("no")),
    "contained crash": _native(_crash),
    "contained error": _native(_raise(ValueError("the runtime's own"))),
}


@pytest.mark.parametrize("act", ACTS)
def test_what_should_not_be_is_found(act: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "SECONDS", 1.0)
    monkeypatch.setattr(batches, "_PATIENCE", 1)
    tally = fuzz(_Toy(ACTS[act]), 1, 0)
    assert [one.kind for one in tally.findings] == [KINDS.get(act, act)]
    assert tally.findings[0].content == b"given"
    assert tally.cases == 1


@pytest.mark.parametrize("act", HARMLESS)
def test_what_may_be_is_no_finding(act: str) -> None:
    tally = fuzz(_Toy(HARMLESS[act]), 2, 0)
    assert tally.findings == [] and tally.cases == 2
    assert tally.accepted == 2 * (act == "accepted")
    assert tally.contained == 2 * act.startswith("contained")


def test_a_case_is_made_again_from_its_seed() -> None:
    class Kept(Surface):
        seeds = (b"0123456789",)

        def case(self, content: bytes, folder: Path, native: Entering) -> None:
            raise KeyError(content)

    first, second, other = (fuzz(Kept(), 40, seed).findings for seed in (1, 1, 2))
    assert [one.content for one in first] == [one.content for one in second]
    assert [one.content for one in first] != [one.content for one in other]
    assert len({one.content for one in first}) > 20
