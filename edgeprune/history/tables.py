"""The tables of a history's database."""

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    DateTime,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    false,
)

#: Raised with every change of the tables; a database of a newer one is refused.
SCHEMA_VERSION = 3

# Names of constraints are fixed, so that a migration can speak of them.
metadata = MetaData(
    naming_convention={
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
    }
)

schema = Table("history_schema", metadata, Column("version", Integer, primary_key=True))

targets = Table(
    "targets",
    metadata,
    Column("key", String(32), primary_key=True),
    Column("facts", JSON, nullable=False),
    Column("first_seen", DateTime(timezone=True), nullable=False),
)

kernel_latencies = Table(
    "kernel_latencies",
    metadata,
    Column("target", ForeignKey("targets.key"), primary_key=True),
    Column("kernel", String(32), primary_key=True),
    Column("signature", JSON, nullable=False),
    Column("median_ms", Float, nullable=False),
    Column("low_ms", Float, nullable=False),
    Column("high_ms", Float, nullable=False),
    Column("samples", Integer, nullable=False),
    Column("measured_at", DateTime(timezone=True), nullable=False),
)

staircases = Table(
    "staircases",
    metadata,
    Column("target", ForeignKey("targets.key"), primary_key=True),
    Column("kind", String(32), primary_key=True),
    Column("multiple", Integer, nullable=False),
    Column("gain", Float, nullable=False),
    Column("measured_at", DateTime(timezone=True), nullable=False),
)

workloads = Table(
    "workloads",
    metadata,
    Column("key", String(32), primary_key=True),
    Column("facts", JSON, nullable=False),
    Column("first_seen", DateTime(timezone=True), nullable=False),
)

runs = Table(
    "runs",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("target", ForeignKey("targets.key"), nullable=False, index=True),
    Column("workload", ForeignKey("workloads.key"), nullable=False),
    Column("facts", JSON, nullable=False),
    Column("space", JSON, nullable=False),
    Column("started_at", DateTime(timezone=True), nullable=False),
)

#: What choosing among thousands of runs needs of each; their spaces are large, these rows are not.
#: ``trials`` counts all of them, ``imported`` those that another history measured.
run_lines = Table(
    "run_lines",
    metadata,
    Column("run", ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    Column("target", String(32), nullable=False),
    Column("graph", Text, nullable=False),
    Column("sampler", Text, nullable=False),
    Column("reward", Text, nullable=True),
    Column("budget", Float, nullable=False),
    Column("retrained", Boolean, nullable=False),
    Column("started_at", DateTime(timezone=True), nullable=False),
    Column("trials", Integer, nullable=False),
    Column("imported", Integer, nullable=False),
    Column("best_reward", Float, nullable=True),
)

trials = Table(
    "trials",
    metadata,
    Column("run", ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("candidate", String(32), nullable=False),
    Column("widths", JSON, nullable=False),
    Column("raw_actions", JSON, nullable=True),
    Column("reward", Float, nullable=False),
    Column("outcome", JSON, nullable=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False),
    Column("latency_ratio", Float, nullable=True),
    Column("imported", Boolean, nullable=False, server_default=false()),
    # All that finding a measurement looks at, so that no trial is read but the one wanted.
    Index("ix_trials_measured", "candidate", "imported", "recorded_at", "run", "number"),
)
