"""The tables of a history's database."""

from sqlalchemy import (
    JSON,
    Column,
    DateTime,
    Float,
    ForeignKey,
    Integer,
    MetaData,
    String,
    Table,
)

#: Raised with every change of the tables; a database of a newer one is refused.
SCHEMA_VERSION = 2

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

trials = Table(
    "trials",
    metadata,
    Column("run", ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("candidate", String(32), nullable=False, index=True),
    Column("widths", JSON, nullable=False),
    Column("raw_actions", JSON, nullable=True),
    Column("reward", Float, nullable=False),
    Column("outcome", JSON, nullable=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False),
)
