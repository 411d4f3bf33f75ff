"""From the tables of an older version to this one's, step by step.

A step is never changed once it was released: it makes the tables as they were then.
"""

import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import Connection

from edgeprune.history.tables import SCHEMA_VERSION, metadata, schema


def found_version(connection: Connection) -> int:
    """The version of a database's tables; 0 where there are none."""
    schema.create(connection, checkfirst=True)
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


#: How to get to each version from the one before it.
_STEPS = {2: _to_2}
