"""The password of a history's address is used, and stands nowhere."""

import re
from pathlib import Path

import pytest
from sqlalchemy.exc import SQLAlchemyError

from edgeprune.config import dump_pipeline, load_pipeline
from edgeprune.errors import RunError
from edgeprune.history import HistoryError
from edgeprune.history.database import HISTORY_VARIABLE, _named, history_url
from edgeprune.passwords import masked
from edgeprune.pipeline.multiples import with_history
from edgeprune.pipeline.progress import Reporter
from edgeprune.pipeline.run_directory import RunDirectory
from tests.called import called

ADDRESS = "postgresql+psycopg://me:s3cret%40/x@127.0.0.1:1/lab"
KEPT = "postgresql+psycopg://me:***@127.0.0.1:1/lab"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (ADDRESS, KEPT),
        (f"'{ADDRESS}': no, {ADDRESS}", f"'{KEPT}': no, {KEPT}"),
        ("postgresql://lab/db?user=me&password=s3cret", "postgresql://lab/db?user=me&password=***"),
        ("postgresql://:s3cret@lab/db", "postgresql://:***@lab/db"),
        ("postgresql://me@lab/db", "postgresql://me@lab/db"),
        ("sqlite:////home/me/a.db", "sqlite:////home/me/a.db"),
        ("see https://host:80/path, ssh me@host", "see https://host:80/path, ssh me@host"),
        (KEPT, KEPT),
    ],
)
def test_passwords_in_addresses_are_masked(text: str, shown: str) -> None:
    assert masked(text) == shown


def test_a_run_keeps_none(tiny_pipeline: Path, tmp_path: Path) -> None:
    config = load_pipeline(tiny_pipeline, [f"history={ADDRESS}"])
    assert config.history == ADDRESS
    directory = RunDirectory(tmp_path / "run")
    directory.create(dump_pipeline(config))
    assert load_pipeline(directory.pipeline).history == KEPT
    directory.create(dump_pipeline(config))  # the same run, taken up
    with Reporter(tmp_path / "run/log.txt", enabled=False) as reporter:
        reporter.say(f"writing to {ADDRESS}")
        reporter.log(f"written to {ADDRESS}\x1b[2J")
    for path in (tmp_path / "run").rglob("*"):
        assert path.is_dir() or not re.search("s3cret|\x1b", path.read_text())


def test_what_ones_own_code_needs_is_private(tiny_pipeline: Path, tmp_path: Path) -> None:
    config = load_pipeline(tiny_pipeline, [f"workload.data.args={{source: '{ADDRESS}'}}"])
    directory = RunDirectory(tmp_path / "run")
    directory.create(dump_pipeline(config))
    assert load_pipeline(directory.pipeline).workload.data.args == {"source": ADDRESS}
    assert directory.pipeline.stat().st_mode & 0o777 == 0o600
    directory.create(dump_pipeline(config))


def test_a_run_that_fails_at_its_history_says_none(tiny_pipeline: Path, tmp_path: Path) -> None:
    quick = ["--set", "workload.train.epochs=1"]
    run = ["run", tiny_pipeline, "--run-dir", tmp_path / "run", "--history", ADDRESS, *quick]
    done = called(*run)
    # What is measured is written later; the run goes on.
    assert done.exit_code == 0 and KEPT in done.stderr and "s3cret" not in done.output
    assert (tmp_path / "run/log.txt").exists()
    for path in (tmp_path / "run").rglob("*"):
        assert path.is_dir() or b"s3cret" not in path.read_bytes()


def test_a_run_of_before_is_shown_without_it(tiny_pipeline: Path, tmp_path: Path) -> None:
    config = load_pipeline(tiny_pipeline, [f"history={ADDRESS}"])
    directory = RunDirectory(tmp_path / "run")
    directory.create(dump_pipeline(config).replace(KEPT, ADDRESS))
    directory.create(dump_pipeline(config))
    other = load_pipeline(tiny_pipeline, [f"history={ADDRESS}", "search.seed=1"])
    with pytest.raises(RunError, match="seed: 0") as error:
        directory.create(dump_pipeline(other))
    assert "s3cret" not in str(error.value)


def test_a_masked_address_is_completed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(HISTORY_VARIABLE, ADDRESS)
    assert history_url(KEPT).password == "s3cret@/x"
    monkeypatch.setenv(HISTORY_VARIABLE, "postgresql+psycopg://me:other@127.0.0.1:1/another")
    assert history_url(KEPT).password is None  # libpq looks for it: PGPASSWORD, ~/.pgpass
    monkeypatch.delenv(HISTORY_VARIABLE)
    found = history_url("postgresql://lab/db?user=me&password=***")
    assert dict(found.query) == {"user": "me"} and found.host == "lab"


def test_the_address_given_again_must_be_the_runs_own(tiny_pipeline: Path) -> None:
    config = load_pipeline(tiny_pipeline, [f"history={KEPT}"])
    assert with_history(config, ADDRESS).history == ADDRESS
    assert with_history(config, None) is config
    with pytest.raises(RunError, match=r"me:\*\*\*@lab/x, but this run keeps its own in .*127"):
        with_history(config, "postgresql://me:s3cret@lab/x")


@pytest.mark.parametrize("command", [("list",), ("merge",)])
def test_no_command_says_it(command: tuple[str, ...]) -> None:
    place = (ADDRESS,) if command == ("merge",) else ("--history", ADDRESS)
    done = called("history", *command, *place)
    assert done.exit_code == 2 and "s3cret" not in done.output and KEPT in done.stderr


class _Engine:
    """As far as errors ask it."""

    def __init__(self, address: str) -> None:
        self.url = history_url(address)


@pytest.mark.parametrize(
    ("address", "reason", "said"),
    [
        (ADDRESS, f"cannot use s3cret@/x of {ADDRESS}", r"cannot use \*\*\* of postgresql"),
        ("postgresql://me@lab/db", "no password supplied", r"PGPASSWORD or ~/\.pgpass.*--history"),
    ],
)
def test_what_a_database_says(address: str, reason: str, said: str) -> None:
    with pytest.raises(HistoryError, match=said) as error, _named(_Engine(address)):  # type: ignore[arg-type]
        raise SQLAlchemyError(reason)
    assert "s3cret" not in str(error.value)
