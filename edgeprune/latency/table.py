"""The kernel table: every kernel time that is known of a target."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np

from edgeprune.history import History, KernelLatency
from edgeprune.latency.kernels import Kernel

#: In a history: what a net spends beside its layers, as a kernel of its own.
_REST = "rest"
_CHANNELS = ("read", "written", "groups")


@dataclass(frozen=True)
class Rest:
    """What one net spends beside its layers: additions, pooling, laying data out anew.

    Attributes:
        net: signature of the uncut net.
        channels: read, written and groups of every layer.
        ms: milliseconds.
    """

    net: str
    channels: tuple[tuple[int, int, int], ...]
    ms: float


@dataclass
class KernelTable:
    """Kernel times of one target.

    Attributes:
        times: milliseconds by kernel, every time it was seen.
        rests: what nets spent beside their layers.
    """

    times: dict[Kernel, list[float]] = field(default_factory=dict)
    rests: list[Rest] = field(default_factory=list)
    _new_kernels: set[Kernel] = field(default_factory=set)
    _new_rests: list[Rest] = field(default_factory=list)

    def add(
        self, net: str, kernels: Sequence[Kernel], times_ms: Iterable[float], rest_ms: float
    ) -> None:
        """Take in one profiled net.

        Args:
            net: signature of the uncut net.
            kernels: of its layers.
            times_ms: of the same; what is not positive was not seen by the runtime's clock.
            rest_ms: what it spent beside them.
        """
        for kernel, ms in zip(kernels, times_ms, strict=True):
            if ms > 0:
                self.times.setdefault(kernel, []).append(float(ms))
                self._new_kernels.add(kernel)
        if rest_ms > 0:
            channels = tuple((one.read, one.written, one.groups) for one in kernels)
            self.rests.append(Rest(net, channels, float(rest_ms)))
            self._new_rests.append(self.rests[-1])

    @classmethod
    def load(cls, history: History, target_key: str) -> Self:
        """What a history knows of a target."""
        table = cls()
        for known in history.kernels(target_key):
            table._take(known.signature, [known.median_ms])
        return table

    def save(self, history: History, target_key: str) -> None:
        """Keep what is new since `load` or the last `save`; the history knows the target."""
        history.record_kernels(target_key, self.new_records())
        self._new_kernels.clear()
        self._new_rests.clear()

    def new_records(self) -> list[KernelLatency]:
        """What `save` would keep."""
        new = _signatures(
            {kernel: self.times[kernel] for kernel in self._new_kernels}, self._new_rests
        )
        return [_record(signature, ms) for signature, ms in new]

    @classmethod
    def from_json(cls, entries: Sequence[Mapping[str, Any]]) -> Self:
        """Read back `to_json`."""
        table = cls()
        for entry in entries:
            table._take(entry["signature"], entry["ms"])
        return table

    def to_json(self) -> list[dict[str, Any]]:
        """All of it as plain data: a run that is resumed needs the table it began with."""
        every = _signatures(self.times, self.rests)
        return [{"signature": signature, "ms": list(ms)} for signature, ms in every]

    def _take(self, signature: Mapping[str, Any], ms: Sequence[float]) -> None:
        if signature["kind"] == _REST:
            channels = zip(*(signature[name] for name in _CHANNELS), strict=True)
            self.rests.append(Rest(signature["net"], tuple(channels), ms[0]))
        elif "chain" not in signature:
            self.times[Kernel.from_json(dict(signature))] = list(ms)


def _signatures(
    times: Mapping[Kernel, Sequence[float]], rests: Sequence[Rest]
) -> Iterator[tuple[dict[str, Any], Sequence[float]]]:
    for kernel, ms in times.items():
        yield kernel.to_json(), ms
    for rest in rests:
        columns = (list(column) for column in zip(*rest.channels, strict=True))
        yield (
            {"kind": _REST, "net": rest.net, **dict(zip(_CHANNELS, columns, strict=True))},
            [rest.ms],
        )


def _record(signature: dict[str, Any], times: Sequence[float]) -> KernelLatency:
    median = float(np.median(times))
    return KernelLatency(signature, median, (min(times), max(times)), len(times))
