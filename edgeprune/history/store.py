"""The history: records go in, records come out."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Self

from sqlalchemy import Connection, Engine, func, select

from edgeprune.history.database import (
    BUSY_TIMEOUT_S,
    history_url,
    open_database,
    reading,
    writing,
)
from edgeprune.history.insertions import put_kernels, put_multiples, put_target
from edgeprune.history.records import KernelLatency, Staircase
from edgeprune.history.runs import Runs, in_utc
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
    def open(cls, url: str | None = None, *, patience_s: float = BUSY_TIMEOUT_S) -> Self:
        """Open a history; it is made if it is not there.

        Args:
            url: a file or a database URL; by default ``EDGEPRUNE_HISTORY``, else ``history.db``
                in the user's data folder.
            patience_s: how long a writer waits for another one, seconds.

        Raises:
            HistoryUnavailableError: it is locked, full or out of reach.
            HistoryError: it is no history, or of a newer version.
        """
        return cls(open_database(history_url(url), patience_s))

    def target(self, key: str, facts: Mapping[str, Any]) -> None:
        """Make a target known; one that is known already stays as it is.

        Args:
            key: see `edgeprune.history.target_key`.
            facts: what the key was made of; JSON-able.
        """
        with writing(self._engine) as connection:
            put_target(connection, key, facts)

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

    def kernel_counts(self) -> dict[str, int]:
        """How many kernels are known of each target that has any."""
        table = kernel_latencies
        with reading(self._engine) as connection:
            wanted = select(table.c.target, func.count()).group_by(table.c.target)
            return {target: count for target, count in connection.execute(wanted)}

    def record_kernels(self, target_key: str, kernels: Iterable[KernelLatency]) -> None:
        """Keep latencies of kernels, all or none; of one kernel the latest is kept.

        Raises:
            HistoryError: the target is not known; see `target`.
        """
        with writing(self._engine) as connection:
            put_kernels(connection, target_key, kernels)

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
        with writing(self._engine) as connection:
            put_multiples(connection, target_key, found)

    @contextmanager
    def at_once(self) -> Iterator[Connection]:
        """A transaction for `edgeprune.history.insertions`: all of it is kept, or nothing."""
        with writing(self._engine) as connection:
            yield connection

    def close(self) -> None:
        """Let go of the database; may be called twice."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
