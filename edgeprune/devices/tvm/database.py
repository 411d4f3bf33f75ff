"""The tuning database of one target: a folder that every later network of the target reuses."""

import json
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock

from edgeprune.devices.tvm.host import require_tvm
from edgeprune.errors import TargetError
from edgeprune.files import write_json

_WORKLOADS, _RECORDS = "database_workload.json", "database_tuning_record.json"
_TARGET, _FINISHED, _LOCK = "target.json", "finished.json", ".lock"
#: Databases that stay read, by folder: reading some hundred records takes seconds.
_KEPT = 2
_kept: OrderedDict[Path, "tuple[str, TuningDatabase]"] = OrderedDict()
#: What TVM holds to be one kernel, whatever is fused behind it (decision 020).
ONE_KERNEL = "anchor-block"
#: TVM notes a schedule that could not be built or run as one of 1e10 seconds.
_FAILED_S = 1e9


class TuningDatabase:
    """MetaSchedule's records, and which kernels have had all their trials.

    Made by `open_database`, and of use inside it only.
    """

    def __init__(self, folder: Path, target: Any) -> None:
        from tvm.s_tir import meta_schedule

        self._folder, self._target = folder, target
        self.records: Any = meta_schedule.database.JSONDatabase(
            str(folder / _WORKLOADS), str(folder / _RECORDS), module_equality=ONE_KERNEL
        )

    def best_ms(self, task: Any) -> float | None:
        """The shortest run of a kernel (TVM's extracted task), ms; None if it has no record."""
        loops = task.dispatched[0]
        # A query for what is not there would write it into the file.
        if not self.records.has_workload(loops):
            return None
        record = self.records.query_tuning_record(loops, self._target, "main")
        if record is None:
            return None
        seconds = [float(value) for value in record.run_secs or ()]
        mean_s = sum(seconds) / len(seconds) if seconds else _FAILED_S
        return mean_s * 1e3 if 0 < mean_s < _FAILED_S else None

    def is_finished(self, workload: str, task: Any, trials: int) -> bool:
        """Whether a kernel has a record, and had at least so many trials when last tuned."""
        return self._finished().get(workload, 0) >= trials and self.best_ms(task) is not None

    def finish(self, workload: str, trials: int) -> None:
        """Note that a kernel has had its trials."""
        write_json(self._folder / _FINISHED, {**self._finished(), workload: trials})

    def _finished(self) -> dict[str, int]:
        path = self._folder / _FINISHED
        found: dict[str, int] = json.loads(path.read_text("utf-8")) if path.exists() else {}
        return found


@contextmanager
def open_database(
    folder: Path, described: Mapping[str, object], target: Any
) -> Iterator[TuningDatabase]:
    """Open a folder's database; other processes wait meanwhile.

    Args:
        folder: made if it is not there.
        described: the target as the profile has it; a folder serves one target.
        target: TVM's own form of it.

    Raises:
        TargetError: the folder belongs to another target or TVM, or cannot be used.
    """
    owner = {"tvm": require_tvm().__version__, "target": dict(described)}
    with ExitStack() as stack:
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            stack.enter_context(FileLock(folder / _LOCK))
            _check_owner(folder, owner)
            for name in (_WORKLOADS, _RECORDS):
                _drop_torn_line(folder / name)
        except (OSError, ValueError) as error:
            msg = f"the tuning database in {folder} cannot be used: {error}"
            raise TargetError(msg) from error
        # Nobody but TVM, by this object, writes to the files while they are locked.
        state, database = _kept.pop(folder.absolute(), ("", None))
        if database is None or state != state_of(folder):
            try:
                database = TuningDatabase(folder, target)
            except Exception as error:
                msg = f"the tuning database in {folder} cannot be read; remove it, and tune again"
                raise TargetError(msg) from error
        yield database
        _kept[folder.absolute()] = state_of(folder), database
        while len(_kept) > _KEPT:
            _kept.popitem(last=False)


def state_of(folder: Path | None) -> str:
    """Changes whenever a database is written to: times, sizes and numbers of its files."""
    if folder is None:
        return ""
    paths = [path for name in (_WORKLOADS, _RECORDS) if (path := folder / name).exists()]
    stats = [(path.name, path.stat()) for path in paths]
    return str([(name, one.st_mtime_ns, one.st_size, one.st_ino) for name, one in stats])


def _check_owner(folder: Path, owner: dict[str, object]) -> None:
    path = folder / _TARGET
    if not path.exists():
        write_json(path, owner)
        return
    found = json.loads(path.read_text("utf-8"))
    if found != json.loads(json.dumps(owner)):
        msg = (
            f"the tuning database in {folder} was made for {found.get('target')} by TVM "
            f"{found.get('tvm')}, and this is {owner['target']} with TVM {owner['tvm']}; give "
            "another folder, or remove that one and tune again"
        )
        raise TargetError(msg)


def _drop_torn_line(path: Path) -> None:
    """A kill while TVM wrote leaves half a line, which it could not read again."""
    if not path.exists():
        return
    content = path.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    if whole != content:
        try:
            json.loads(content[len(whole) :])
        except ValueError:
            path.write_bytes(whole)
