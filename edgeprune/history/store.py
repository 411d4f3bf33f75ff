"""The history: records go in, records come out."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Self

from sqlalchemy import Connection, Engine, Table, select

from edgeprune.history.database import history_url, open_database, reading, writing
from edgeprune.history.errors import HistoryError
from edgeprune.history.keys import digest
from edgeprune.history.records import KernelLatency, Staircase
from edgeprune.history.runs import INSERTS, Runs, in_utc
from edgeprune.history.tables import kernel_latencies, staircases, targets


class History:
    """What was measured on targets; a context manager that closes itself.

    Several processes may use one history at the same time. Open one with `History.open`.

    Attributes:
        runs: its searches.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.runs = Runs(engine)

    @classmethod
    def open(cls, url: str | None = None) -> Self:
        """Open a history; it is made if it is not there.

        Args:
            url: a file or a database URL; by default ``EDGEPRUNE_HISTORY``, else ``history.db``
                in the user's data folder.

        Raises:
            HistoryError: it cannot be read or made, is no history, or is of a newer version.
        """
        return cls(open_database(history_url(url)))

    def target(self, key: str, facts: Mapping[str, Any]) -> None:
        """Make a target known; one that is known already stays as it is.

        Args:
            key: see `edgeprune.history.target_key`.
            facts: what the key was made of; JSON-able.
        """
        row = {"key": key, "facts": dict(facts), "first_seen": datetime.now(UTC)}
        with writing(self._engine) as connection:
            statement = INSERTS[self._engine.dialect.name](targets)
            connection.execute(statement.on_conflict_do_nothing(), [row])

    def targets(self) -> dict[str, dict[str, Any]]:
        """The facts of every known target, by key."""
        with reading(self._engine) as connection:
            rows = connection.execute(select(targets.c.key, targets.c.facts)).all()
        return {row.key: row.facts for row in rows}

    def kernels(self, target_key: str) -> list[KernelLatency]:
        """All kernels measured on a target, always in one order; none for an unknown one."""
        table = kernel_latencies
        with reading(self._engine) as connection:
            # In one order whatever the database, so that what is fitted to them is the same.
            wanted = select(table).where(table.c.target == target_key).order_by(table.c.kernel)
            rows = connection.execute(wanted).all()
        return [
            KernelLatency(
                row.signature,
                row.median_ms,
                (row.low_ms, row.high_ms),
                row.samples,
                in_utc(row.measured_at),
            )
            for row in rows
        ]

    def record_kernels(self, target_key: str, kernels: Iterable[KernelLatency]) -> None:
        """Keep latencies of kernels, all or none; of one kernel the latest is kept.

        Raises:
            HistoryError: the target is not known; see `target`.
        """
        rows = [
            {
                "target": target_key,
                "kernel": digest(dict(kernel.signature)),
                "signature": dict(kernel.signature),
                "median_ms": kernel.median_ms,
                "low_ms": kernel.interval_ms[0],
                "high_ms": kernel.interval_ms[1],
                "samples": kernel.samples,
                "measured_at": kernel.measured_at.astimezone(UTC),
            }
            for kernel in kernels
        ]
        self._record(kernel_latencies, target_key, rows)

    def multiples(self, target_key: str) -> dict[str, Staircase]:
        """The staircases learned on a target, by kind of layer; none for an unknown one."""
        table = staircases
        with reading(self._engine) as connection:
            rows = connection.execute(select(table).where(table.c.target == target_key)).all()
        return {
            row.kind: Staircase(row.multiple, row.gain, in_utc(row.measured_at)) for row in rows
        }

    def record_multiples(self, target_key: str, found: Mapping[str, Staircase]) -> None:
        """Keep staircases by kind of layer, all or none; of one kind the latest is kept.

        Raises:
            HistoryError: the target is not known; see `target`.
        """
        rows = [
            {
                "target": target_key,
                "kind": kind,
                "multiple": staircase.multiple,
                "gain": staircase.gain,
                "measured_at": staircase.measured_at.astimezone(UTC),
            }
            for kind, staircase in found.items()
        ]
        self._record(staircases, target_key, rows)

    def close(self) -> None:
        """Let go of the database; may be called twice."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _record(self, table: Table, target_key: str, rows: list[dict[str, Any]]) -> None:
        if not rows:
            return
        with writing(self._engine) as connection:
            self._check_target(connection, target_key)
            statement = INSERTS[self._engine.dialect.name](table)
            keys = [column.name for column in table.primary_key]
            changed = {
                column.name: statement.excluded[column.name]
                for column in table.columns
                if column.name not in keys
            }
            # A process that was held up must not overwrite what was measured since.
            newer = statement.excluded.measured_at >= table.c.measured_at
            connection.execute(
                statement.on_conflict_do_update(index_elements=keys, set_=changed, where=newer),
                rows,
            )

    def _check_target(self, connection: Connection, target_key: str) -> None:
        found = connection.execute(select(targets.c.key).where(targets.c.key == target_key)).first()
        if found is None:
            msg = f"the history knows no target {target_key!r}; record the target first"
            raise HistoryError(msg)
