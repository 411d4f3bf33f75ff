"""`edgeprune history`, from the outside."""

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from edgeprune.cli.history import app
from edgeprune.history import History
from tests.history.example import KEY, RUN, remember


@pytest.fixture
def history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    path = tmp_path / "history.db"
    monkeypatch.setenv("EDGEPRUNE_HISTORY", str(path))
    with History.open() as kept:
        remember(kept, trials=2)
    return path


def _says(*words: str) -> str:
    result = CliRunner().invoke(app, list(words))
    assert result.exit_code == 0, result.output
    return result.output


def _json(*words: str) -> Any:
    return json.loads(_says(*words, "--json"))


def _runs(*words: str) -> list[str]:
    return [run["id"] for target in _json("list", *words)["targets"] for run in target["runs"]]


def test_list_and_show_tell_what_was_searched(history: Path) -> None:
    assert RUN.id[:12] in _says("list") and "two on none" in _says("list")
    (target,) = _json("list", "--target", KEY[:6])["targets"]
    assert target["runs"][0]["best_reward"] == 0.51 and target["kernels"] == 0
    found = _json("show", RUN.id[:4])
    assert [one["widths"] for one in found["trials_found"]] == [{"a": 1, "b": 8}, {"a": 2, "b": 8}]
    assert "0.400x" in _says("show", RUN.id)


def test_an_exported_file_is_private_and_goes_into_another_history(history: Path) -> None:
    _says("export", "out.jsonl")
    assert stat.S_IMODE(Path("out.jsonl").stat().st_mode) == 0o600
    first = _json("import", "out.jsonl", "--history", "other.db")
    assert first == _json("import", "out.jsonl", "--history", "other.db")
    assert _runs("--history", "other.db") == [RUN.id]


def test_merge_takes_everything_of_another_history(history: Path) -> None:
    _says("merge", str(history), "--history", "other.db")
    assert _runs("--history", "other.db") == _runs() == [RUN.id]


def test_prune_forgets_what_it_was_told_to(history: Path) -> None:
    assert len(_json("prune", RUN.id[:3], "--dry-run")["forgotten"]) == 1
    assert _json("prune", "--older-than", "36500")["forgotten"] == []
    assert _runs() == [RUN.id]
    _says("prune", "--target", KEY)
    assert _runs() == []


def test_names_from_a_file_are_no_markup(history: Path) -> None:
    _says("export", "out.jsonl")
    text = Path("out.jsonl").read_text().replace('"two"', '"[/red]"')
    Path("out.jsonl").write_text(text)
    _says("import", "out.jsonl", "--history", "other.db")
    assert "[/red] on none" in _says("list", "--history", "other.db")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["show", "zz"], "knows no run 'zz'; `edgeprune history list`"),
        (["list", "--target", "zz"], "knows no target 'zz'"),
        (["list", "--history", "off"], "'off' is no place for a history"),
        (["list", "--history", "mysql://host"], "cannot be kept in mysql"),
        (["export", "."], "cannot write .: it is no file"),
        (["export", "nowhere/out"], "No such file"),
        (["import", "missing"], "cannot read missing"),
        (["import", "history.db"], "`edgeprune history merge` takes a database"),
        (["merge", "missing.db"], "there is no history missing.db"),
        (["prune"], "say what to forget"),
        (["prune", "--older-than", "1e300"], "no history is 1e+300 days old"),
    ],
)
def test_a_wrong_command_gets_one_clear_message(words: list[str], said: str, history: Path) -> None:
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 2
    assert said in " ".join(result.output.split())
    assert _runs() == [RUN.id]


@pytest.mark.parametrize("command", [("list",), ("show", "abc"), ("export", "out.jsonl")])
def test_a_mistyped_history_is_told_and_not_made(history: Path, command: tuple[str, ...]) -> None:
    result = CliRunner().invoke(app, [*command, "--history", "histry.db"])
    assert result.exit_code == 2 and "no history at histry.db" in result.output
    assert not Path("histry.db").exists()
