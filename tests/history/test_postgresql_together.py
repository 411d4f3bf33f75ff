"""Several processes on one server: a migration that all begin at once, a server that restarts."""

import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import MetaData, Table, create_engine, insert, text

from edgeprune.history import History, migrations
from edgeprune.history.insertions import put_target
from edgeprune.history.tables import (
    SCHEMA_VERSION,
    kernel_latencies,
    metadata,
    runs,
    schema,
    staircases,
    targets,
    trials,
    workloads,
)
from edgeprune.testing.postgresql import NEEDS_POSTGRESQL
from tests.history.example import FACTS, KEY, MOMENT, RUN, SPACE, trial

pytestmark = NEEDS_POSTGRESQL
HERE = Path(__file__).parent


def _write_version_2(url: str) -> None:
    """As edgeprune of then left it: one run with one trial."""
    engine = create_engine(url)
    old = [schema, targets, kernel_latencies, staircases]
    with engine.begin() as connection:
        metadata.create_all(connection, tables=old)
        migrations._to_2(Operations(MigrationContext.configure(connection)))
        connection.execute(insert(schema).values(version=2))
        put_target(connection, KEY, FACTS)
        facts = {"key": "w", "facts": dict(RUN.workload), "first_seen": MOMENT}
        connection.execute(insert(workloads), [facts])
        row = {"id": RUN.id, "target": KEY, "workload": "w", "facts": dict(RUN.facts)}
        space = {"space": asdict(SPACE), "started_at": MOMENT}
        connection.execute(insert(runs), [row | space])
        one = trial(0)
        values = {"candidate": SPACE.candidate(one.widths), "widths": dict(one.widths)}
        told = {"reward": one.reward, "outcome": dict(one.outcome), "recorded_at": MOMENT}
        wanted = ("run", "number", *values, *told)
        table = Table("trials", MetaData(), *(trials.c[name].copy() for name in wanted))
        connection.execute(insert(table), [{"run": RUN.id, "number": 0, **values, **told}])
    engine.dispose()


def test_a_version_2_database_is_brought_up_to_date_by_all_who_open_it_at_once(
    postgresql_url: str,
) -> None:
    _write_version_2(postgresql_url)
    writer, count, writers = str(HERE / "writer.py"), 5, 4
    processes = [
        subprocess.Popen([sys.executable, writer, postgresql_url, str(first * count), str(count)])
        for first in range(writers)
    ]
    assert [process.wait(timeout=120) for process in processes] == [0] * writers
    with History.open(postgresql_url) as history:
        (summary,) = history.runs.summaries()
        assert (summary.trials, summary.imported, summary.best_reward) == (1, 0, 0.5)
        one = trial(0)
        assert history.runs.measured(KEY, SPACE.candidate(one.widths)) == one.outcome
        assert len(history.kernels("shared")) == writers * count
    engine = create_engine(postgresql_url)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT version FROM history_schema")).all() == [
            (SCHEMA_VERSION,)
        ]
    engine.dispose()


def test_connections_that_the_server_ended_are_opened_anew(postgresql_url: str) -> None:
    with History.open(postgresql_url) as history:
        history.target(KEY, FACTS)
        engine = create_engine(postgresql_url)
        with engine.connect() as connection:
            ended = connection.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            ).all()
        engine.dispose()
        assert ended and all(one for (one,) in ended)
        assert history.targets() == {KEY: FACTS}


def test_two_open_histories_see_each_other_s_records(postgresql_url: str) -> None:
    with History.open(postgresql_url) as one, History.open(postgresql_url) as other:
        one.target(KEY, FACTS)
        one.runs.start(RUN)
        other.runs.add(SPACE, trial(0))
        assert one.runs.numbers(RUN.id) == other.runs.numbers(RUN.id) == {0}
