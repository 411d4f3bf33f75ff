"""The budgets beside latency: size, memory of activations, MACs, energy; predicted and measured."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING

from edgeprune.config.amounts import NAMES, Quantity, shown_amount
from edgeprune.config.budget import BudgetConfig
from edgeprune.devices.known_net import small_net
from edgeprune.devices.meters import Meter
from edgeprune.errors import ConfigError, TargetError, UserError
from edgeprune.latency import LatencyEstimator
from edgeprune.pipeline.predictions import memory_prediction, size_prediction
from edgeprune.pipeline.records.amounts import Amounts, Taken
from edgeprune.search import Widths

if TYPE_CHECKING:
    from edgeprune.pipeline.session import Session

#: Keep ratios of the uniform plans that predictions are fitted to.
_RATIOS = (0.85, 0.7, 0.55, 0.4, 0.25)
#: Weight of the newest measurement in what plans like the last ones take more than foretold.
_NEWEST = 0.5
#: What is predicted from something else, and so learned from the first measurements on.
_DRIFT = frozenset({"energy"})


@dataclass
class Allowance:
    """One budget beside latency.

    Attributes:
        name: of the quantity.
        limit: what is allowed.
        predict: what widths are expected to take.
    """

    name: str
    limit: float
    predict: Callable[[Widths], float]
    _drift: float = 1.0

    def share(self, widths: Widths) -> float:
        """What widths are expected to take of it; above 1 where it does not hold."""
        return self._drift * self.predict(widths) / self.limit

    def observe(self, widths: Widths, value: float) -> None:
        """Learn what widths took."""
        off = value / max(self.predict(widths), 1e-12)
        self._drift = float(self._drift ** (1 - _NEWEST) * off**_NEWEST)


class Allowances:
    """All budgets of a run beside latency; they learn from what is measured.

    Args:
        session: the open run.
        estimator: of latency, which energy follows but for what is learned.
    """

    def __init__(self, session: "Session", estimator: LatencyEstimator) -> None:
        known = amounts(session)
        self._session = session
        base = Taken(dict(session.channels.full), dict(known.base))
        seen = (base, *known.taken)
        self.each = tuple(
            Allowance(name, limit, self._prediction(name, seen, estimator))
            for name, limit in known.limits.items()
        )
        for one in known.taken:
            self.observe(one.widths, {key: one.values[key] for key in one.values if key in _DRIFT})

    def observe(self, widths: Widths, values: Mapping[str, float]) -> None:
        """Learn what widths took."""
        for one in self.each:
            if one.name in values:
                one.observe(widths, values[one.name])

    def used(self, widths: Widths) -> dict[str, float]:
        """Measure what widths take, learn from it, and give the share of each budget."""
        values = measured(self._session, widths)
        self.observe(widths, values)
        return shares(self._session, values)

    def _prediction(
        self, name: str, seen: tuple[Taken, ...], estimator: LatencyEstimator
    ) -> Callable[[Widths], float]:
        space = self._session.channels
        if name == "macs":
            return space.macs
        if name == "size":
            return size_prediction(space, seen)
        if name == "peak_memory":
            return memory_prediction(space, seen, self._session.target.threads)
        base = seen[0].values[name]
        return lambda widths: base * estimator.ratio(widths)


def amounts(session: "Session") -> Amounts:
    """What is allowed beside latency, and what some plans take; measured once a run.

    Raises:
        UserError: the base model already meets a budget: it asks for nothing.
        TargetError: the device does not tell what is limited.
    """
    record = session.directory.record("amounts", Amounts)
    if record is not None:
        return record
    wanted = session.config.budget.amounts
    base = measured(session, session.channels.full, session.baseline)
    for name, one in wanted.items():
        if one.of(base[name]) >= base[name]:
            msg = (
                f"budget.{name} {one.text} asks for nothing: the base model takes "
                f"{shown_amount(name, base[name])}"
            )
            raise UserError(msg)
    space = session.channels
    plans = [*(space.scaled(ratio) for ratio in _RATIOS), session.smallest]
    taken = []
    with session.reporter.task("amounts", len(plans)) as task:
        for widths in plans:
            values = measured(session, widths)
            taken.append(Taken(widths, values))
            task.advance(note=", ".join(told(values)))
    found = Amounts(
        base=base,
        limits={name: one.of(base[name]) for name, one in wanted.items()},
        taken=tuple(taken),
    )
    return session.directory.finish("amounts", found)


def measured(session: "Session", widths: Widths, content: bytes | None = None) -> dict[str, float]:
    """What widths take of all that is limited: counted, or measured on the device.

    Args:
        session: the open run.
        widths: of the network.
        content: its file, in the precision of the search; None: the base's weights, pruned.

    Raises:
        TargetError: the device does not tell.
        MeasurementError: as `Device.compare`.
    """
    wanted = session.config.budget.amounts
    if not wanted:
        return {}

    @cache  # MACs need no file
    def file() -> bytes:
        return session.own_form(session.candidate(widths)) if content is None else content

    meters: dict[str, Callable[[], float]] = {
        "size": lambda: len(file()),
        "macs": lambda: session.channels.macs(widths),
        "peak_memory": lambda: _meter(session).peak_memory(file()),
        "energy": lambda: _meter(session).energy(file()),
    }
    return {name: float(meters[name]()) for name in wanted}


def shares(session: "Session", values: Mapping[str, float]) -> dict[str, float]:
    """What was taken of each budget, as a share of it; above 1 where it does not hold."""
    if not values:
        return {}
    limits = amounts(session).limits
    return {name: values[name] / limit for name, limit in limits.items()}


def held(ratio: float, used: Mapping[str, float]) -> float:
    """A latency ratio as the cost of something: above 1 where another budget does not hold.

    Every budget of latency is below 1 or, where none was asked for, 1.
    """
    worst = max(used.values(), default=0.0)
    return ratio if worst <= 1 else max(ratio, worst)


def told(values: Mapping[str, float]) -> list[str]:
    """Amounts as a person reads them: ``size 512 kB``."""
    return [f"{NAMES[name]} {shown_amount(name, value)}" for name, value in values.items()]


def unreachable(session: "Session") -> str:
    """Which budgets even the smallest candidate does not hold; nothing where it holds all."""
    if not session.config.budget.amounts:
        return ""
    known = amounts(session)
    least = known.taken[-1].values
    over: list[str] = []
    for name, one in session.config.budget.amounts.items():
        if least[name] > known.limits[name]:
            takes = shown_amount(name, least[name])
            limit = shown_amount(name, known.limits[name])
            over.append(f"{NAMES[name]} ({takes}; budget.{name} {one.text} allows {limit})")
    return " and ".join(over)


def refuse_untold(budget: BudgetConfig, device: object, target_name: str) -> None:
    """Refuse a budget on what the device does not tell, before anything is trained.

    Raises:
        ConfigError: naming the budget, and what was looked for.
    """
    asked: dict[Quantity, Callable[[], object]] = {}
    if isinstance(device, Meter):
        asked = {
            "peak_memory": partial(device.peak_memory, small_net(8)),
            "energy": partial(device.energy, small_net(8)),
        }
    for name in ("peak_memory", "energy"):
        if name not in budget.amounts:
            continue
        try:
            if name not in asked:
                msg = f"target {target_name!r} tells latency alone"
                raise TargetError(msg)
            asked[name]()
        except TargetError as error:
            msg = f"budget.{name} cannot be held: {error}"
            raise ConfigError(msg) from error


def _meter(session: "Session") -> Meter:
    assert isinstance(session.device, Meter)  # `refuse_untold` has seen to it
    return session.device
