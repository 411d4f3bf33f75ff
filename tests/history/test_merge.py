"""`edgeprune history merge`: colleagues' histories, once each, all or nothing, marked as theirs."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from edgeprune.cli.history_views import merge_from
from edgeprune.history import History, HistoryError
from edgeprune.history.exchange import export_lines
from edgeprune.testing.postgresql import NEEDS_POSTGRESQL
from tests.history.example import KEY, RUN, SPACE, remember, trial

THEIR_RUN = replace(RUN, id="e" * 32)


@pytest.fixture
def ours(tmp_path: Path) -> Iterator[History]:
    with History.open(str(tmp_path / "ours.db")) as kept:
        yield kept


@pytest.fixture
def sources(tmp_path: Path) -> list[str]:
    """A database, and an exported file that has the same run and another one."""
    with History.open(str(tmp_path / "ana.db")) as ana:
        remember(ana, trials=2)
    with History.open(str(tmp_path / "ben.db")) as ben:
        remember(ben, trials=3)
        ben.runs.start(THEIR_RUN)
        ben.runs.add(SPACE, replace(trial(0), run=THEIR_RUN.id))
        lines = list(export_lines(ben))
    (tmp_path / "ben.jsonl").write_text("\n".join(lines))
    return [str(tmp_path / "ana.db"), str(tmp_path / "ben.jsonl")]


def test_what_several_have_counts_once(ours: History, sources: list[str]) -> None:
    for _ in range(2):
        merge_from(ours, sources)
        found = {run.id: (run.trials, run.imported) for run in ours.runs.summaries()}
        assert found == {RUN.id: (3, 3), THEIR_RUN.id: (1, 1)}
    assert ours.runs.measured(KEY, SPACE.candidate(trial(0).widths)) is None


def test_what_was_imported_by_them_and_measured_by_us_stays_so(
    ours: History, sources: list[str], tmp_path: Path
) -> None:
    remember(ours, trials=1)
    merge_from(ours, sources)
    with History.open(str(tmp_path / "third.db")) as third:
        merge_from(third, [str(tmp_path / "ours.db")])
        assert [one.imported for one in third.runs.summaries() if one.id == RUN.id] == [3]
    assert [one.imported for one in ours.runs.summaries() if one.id == RUN.id] == [2]


@pytest.mark.parametrize("broken", ["no history", "missing", "half", "database"])
def test_one_that_is_broken_leaves_nothing(
    broken: str, ours: History, sources: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "broken.jsonl"
    if broken == "half":
        path.write_text(Path(sources[1]).read_text()[:-20])
    elif broken == "database":
        path.write_bytes(b"SQLite format 3\0" + b"x" * 4096)
    elif broken == "no history":
        path.write_text("something else\n")
    with pytest.raises(HistoryError, match=r"broken\.jsonl"):
        merge_from(ours, [*sources, str(path)])
    assert ours.targets() == {} and ours.runs.summaries() == []


@NEEDS_POSTGRESQL
def test_a_server_takes_and_gives_the_same(
    postgresql_url: str, ours: History, sources: list[str]
) -> None:
    with History.open(postgresql_url) as lab:
        merge_from(lab, sources)
        merge_from(ours, [postgresql_url])
        assert list(export_lines(ours)) == list(export_lines(lab))
        assert all(run.imported == run.trials for run in lab.runs.summaries())
