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
SCHEMA_VERSION = 1

# Names of constraints are fixed, so that a migration can speak of them.
metadata = MetaData(naming_convention={"fk": "fk_%(table_name)s_%(column_0_name)s"})

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
