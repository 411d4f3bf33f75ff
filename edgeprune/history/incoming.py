"""Records of another history on their way into this one, a few in memory at a time."""

from collections import OrderedDict
from collections.abc import Container
from typing import Any

from sqlalchemy import Connection, select

from edgeprune.history.errors import HistoryError
from edgeprune.history.insertions import (
    put_kernels,
    put_multiples,
    put_run,
    put_target,
    put_trials,
)
from edgeprune.history.records import KernelLatency, Staircase
from edgeprune.history.run_records import RunRecord, RunSpace, TrialRecord
from edgeprune.history.runs import read_space
from edgeprune.history.tables import runs

#: Records that are written at once.
_AT_ONCE = 50
#: Spaces of runs that are kept: a file has the trials of a run behind it, one may have them mixed.
_SPACES = 32


class Incoming:
    """Takes records in the order of a file: what a record belongs to comes before it.

    Args:
        connection: in a transaction; the caller commits it, or none of it.
        imported: whether trials are marked as another history's.

    Attributes:
        counts: records taken, by kind.
    """

    def __init__(self, connection: Connection, *, imported: bool) -> None:
        self._connection, self._imported = connection, imported
        self.counts = dict.fromkeys(("targets", "kernels", "staircases", "runs", "trials"), 0)
        self._targets: set[str] = set()
        self._runs: set[str] = set()
        self._spaces: OrderedDict[str, RunSpace] = OrderedDict()
        self._kernels: list[KernelLatency] = []
        self._of = ""
        self._trials: list[TrialRecord] = []

    def target(self, key: str, facts: dict[str, Any]) -> None:
        """A target."""
        put_target(self._connection, key, facts)
        self._targets.add(key)
        self.counts["targets"] += 1

    def kernel(self, target: str, kernel: KernelLatency) -> None:
        """A kernel's latency."""
        _known(target, self._targets, "target")
        if target != self._of or len(self._kernels) == _AT_ONCE:
            self._write_kernels()
        self._of = target
        self._kernels.append(kernel)
        self.counts["kernels"] += 1

    def staircase(self, target: str, layer: str, staircase: Staircase) -> None:
        """A staircase of a kind of layer."""
        _known(target, self._targets, "target")
        put_multiples(self._connection, target, {layer: staircase}, imported=self._imported)
        self.counts["staircases"] += 1

    def run(self, run: RunRecord) -> None:
        """A run.

        Raises:
            HistoryError: this history has another one of the same id.
        """
        _known(run.target, self._targets, "target")
        put_run(self._connection, run)
        if self._space(run.id) != run.space:
            msg = f"run {run.id} is another one here"
            raise HistoryError(msg)
        self._runs.add(run.id)
        self.counts["runs"] += 1

    def trial(self, trial: TrialRecord) -> None:
        """A trial."""
        _known(trial.run, self._runs, "run")
        self._space(trial.run).check(trial.widths)
        full = len(self._trials) == _AT_ONCE
        if self._trials and (full or trial.run != self._trials[0].run):
            self._write_trials()
        self._trials.append(trial)
        self.counts["trials"] += 1

    def finish(self) -> None:
        """Write what is left."""
        self._write_kernels()
        self._write_trials()

    def _write_kernels(self) -> None:
        if self._kernels:
            put_kernels(self._connection, self._of, self._kernels, imported=self._imported)
            self._kernels = []

    def _write_trials(self) -> None:
        if self._trials:
            space = self._space(self._trials[0].run)
            put_trials(self._connection, space, self._trials, imported=self._imported)
            self._trials = []

    def _space(self, run: str) -> RunSpace:
        if run not in self._spaces:
            wanted = select(runs.c.space).where(runs.c.id == run)
            self._spaces[run] = read_space(self._connection.execute(wanted).scalar_one())
            if len(self._spaces) > _SPACES:
                self._spaces.popitem(last=False)
        return self._spaces[run]


def _known(key: str, found: Container[str], what: str) -> None:
    if key not in found:
        msg = f"its {what} {key!r} does not come before it"
        raise HistoryError(msg)
