"""From the tables of an older version to this one's, step by step.

A step is never changed once it was released: it makes the tables as they were then.
"""

import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import Connection

from edgeprune.history.tables import SCHEMA_VERSION, metadata, schema

#: Runs that are read at once where all are: their spaces are large.
_AT_ONCE = 200


def found_version(connection: Connection) -> int:
    """The version of a database's tables; 0 where there are none. Nothing is written."""
    if not sa.inspect(connection).has_table(schema.name):
        return 0
    return int(connection.execute(sa.select(schema.c.version)).scalar() or 0)


def bring_up_to_date(connection: Connection, found: int) -> None:
    """Make the tables of this version, in the transaction of `connection`.

    Args:
        connection: of the database; nothing is changed unless it commits.
        found: the version it has.
    """
    if found == SCHEMA_VERSION:
        return
    if found == 0:
        metadata.create_all(connection)
        connection.execute(sa.insert(schema).values(version=SCHEMA_VERSION))
        return
    operations = Operations(MigrationContext.configure(connection))
    for version in range(found + 1, SCHEMA_VERSION + 1):
        _STEPS[version](operations)
    connection.execute(sa.update(schema).values(version=SCHEMA_VERSION))


def _to_2(operations: Operations) -> None:
    """Searches and their trials."""
    moment = sa.DateTime(timezone=True)
    operations.create_table(
        "workloads",
        sa.Column("key", sa.String(32), primary_key=True),
        sa.Column("facts", sa.JSON, nullable=False),
        sa.Column("first_seen", moment, nullable=False),
    )
    operations.create_table(
        "runs",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("target", sa.String(32), nullable=False),
        sa.Column("workload", sa.String(32), nullable=False),
        sa.Column("facts", sa.JSON, nullable=False),
        sa.Column("space", sa.JSON, nullable=False),
        sa.Column("started_at", moment, nullable=False),
        sa.ForeignKeyConstraint(["target"], ["targets.key"], name="fk_runs_target"),
        sa.ForeignKeyConstraint(["workload"], ["workloads.key"], name="fk_runs_workload"),
    )
    operations.create_index("ix_runs_target", "runs", ["target"])
    operations.create_table(
        "trials",
        sa.Column("run", sa.String(32), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("candidate", sa.String(32), nullable=False),
        sa.Column("widths", sa.JSON, nullable=False),
        sa.Column("raw_actions", sa.JSON, nullable=True),
        sa.Column("reward", sa.Float, nullable=False),
        sa.Column("outcome", sa.JSON, nullable=False),
        sa.Column("recorded_at", moment, nullable=False),
        sa.ForeignKeyConstraint(["run"], ["runs.id"], name="fk_trials_run", ondelete="CASCADE"),
    )
    operations.create_index("ix_trials_candidate", "trials", ["candidate"])


def _to_3(operations: Operations) -> None:
    """Imported trials are marked; a run's line is small; a measurement is found in an index."""
    operations.add_column("trials", sa.Column("latency_ratio", sa.Float, nullable=True))
    imported = sa.Column("imported", sa.Boolean, nullable=False, server_default=sa.false())
    operations.add_column("trials", imported)
    operations.drop_index("ix_trials_candidate", "trials")
    measured = ["candidate", "imported", "recorded_at", "run", "number"]
    operations.create_index("ix_trials_measured", "trials", measured)
    operations.create_table(
        "run_lines",
        sa.Column("run", sa.String(32), primary_key=True),
        sa.Column("target", sa.String(32), nullable=False),
        sa.Column("graph", sa.Text, nullable=False),
        sa.Column("sampler", sa.Text, nullable=False),
        sa.Column("reward", sa.Text, nullable=True),
        sa.Column("budget", sa.Float, nullable=False),
        sa.Column("retrained", sa.Boolean, nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trials", sa.Integer, nullable=False),
        sa.Column("imported", sa.Integer, nullable=False),
        sa.Column("best_reward", sa.Float, nullable=True),
        sa.ForeignKeyConstraint(["run"], ["runs.id"], name="fk_run_lines_run", ondelete="CASCADE"),
    )
    _fill_3(operations.get_bind())


def _fill_3(connection: Connection) -> None:
    trials = sa.table(
        "trials",
        sa.column("run"),
        sa.column("reward", sa.Float),
        sa.column("outcome", sa.JSON),
        sa.column("latency_ratio", sa.Float),
    )
    ratio = trials.c.outcome["latency_ratio"].as_float()
    connection.execute(sa.update(trials).values(latency_ratio=ratio))
    runs = sa.table(
        "runs",
        *map(sa.column, ("id", "target")),
        sa.column("facts", sa.JSON),
        sa.column("space", sa.JSON),
        sa.column("started_at", sa.DateTime(timezone=True)),
    )
    lines = sa.table(
        "run_lines",
        *map(sa.column, ("run", "target", "graph", "sampler", "reward", "budget")),
        sa.column("retrained", sa.Boolean),
        sa.column("started_at", sa.DateTime(timezone=True)),
        *map(sa.column, ("trials", "imported", "best_reward")),
    )
    last = ""
    while True:
        wanted = sa.select(runs).where(runs.c.id > last).order_by(runs.c.id).limit(_AT_ONCE)
        found = connection.execute(wanted).all()
        if not found:
            return
        for row in found:
            facts, reward = row.facts, row.facts.get("reward")
            inside = sa.case((trials.c.latency_ratio <= facts["budget"], trials.c.reward))
            counted = sa.select(sa.func.count(), sa.func.max(inside)).select_from(trials)
            count, best = connection.execute(counted.where(trials.c.run == row.id)).one()
            line = {
                "run": row.id,
                "target": row.target,
                "graph": row.space["graph"],
                "sampler": facts["sampler"],
                "reward": reward if isinstance(reward, str) else None,
                "budget": facts["budget"],
                "retrained": bool(facts.get("retrain_images")),
                "started_at": row.started_at,
                "trials": count,
                "imported": 0,
                "best_reward": best,
            }
            connection.execute(sa.insert(lines), [line])
        last = found[-1].id


#: How to get to each version from the one before it.
_STEPS = {2: _to_2, 3: _to_3}
