"""What earlier searches on a device found, as a new search may learn from it."""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: Numbers beyond it are none of ours, and their squares may be infinite.
_LARGEST = 1e15

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SourceRun:
    """One earlier search: of any network, on any target, within any budget.

    Attributes:
        name: for the reader.
        feature_names: columns of `features`.
        features: (groups, features), unscaled, as `SearchProblem.features`.
        ratios: (trials, groups) kept share of every group; 0 where its branch was removed.
        rewards: (trials,).
        costs: (trials,) measured latency ratios.
        budget: largest allowed latency ratio.
        actions: (trials, groups) raw actions of an agent; the ratios where there was none.
    """

    name: str
    feature_names: tuple[str, ...]
    features: Floats
    ratios: Floats
    rewards: Floats
    costs: Floats
    budget: float
    actions: Floats

    @property
    def trials(self) -> int:
        """How many there are."""
        return len(self.rewards)

    def column(self, name: str) -> Floats | None:
        """A feature of every group; None where the source lacks it."""
        return column(self.feature_names, self.features, name)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON of this source."""
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {
            name: value.tolist() if isinstance(value, np.ndarray) else value
            for name, value in values.items()
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Read back what `to_json` wrote."""
        arrays = ("features", "ratios", "rewards", "costs", "actions")
        return cls(
            name=value["name"],
            feature_names=tuple(value["feature_names"]),
            budget=value["budget"],
            **{name: np.asarray(value[name], np.float64) for name in arrays},
        )


def column(names: tuple[str, ...], features: Floats, name: str) -> Floats | None:
    """A column of a feature table by its name; None where it is missing."""
    return features[:, names.index(name)] if name in names else None


def usable(sources: Iterable[SourceRun]) -> tuple[SourceRun, ...]:
    """The sources, without what is broken: trials with a value that is no number or out of range.

    A source whose sizes do not match, or with nothing left, is left out; the log says so. A
    search must not fail because of what another one left behind.
    """
    kept = []
    for source in sources:
        try:
            cleaned = _cleaned(source)
        except (ValueError, TypeError, IndexError) as error:
            _log.warning("history: source %s is left out: %s", source.name, error)
            continue
        if cleaned.trials:
            kept.append(cleaned)
        else:
            _log.warning("history: source %s is left out: no trial of it is sound", source.name)
    return tuple(kept)


def _cleaned(source: SourceRun) -> SourceRun:
    features = np.asarray(source.features, np.float64)
    ratios = np.asarray(source.ratios, np.float64)
    actions = np.asarray(source.actions, np.float64)
    rewards = np.asarray(source.rewards, np.float64)
    costs = np.asarray(source.costs, np.float64)
    groups, trials = len(features), len(rewards)
    sizes = (features.shape, ratios.shape, actions.shape, costs.shape)
    expected = ((groups, len(source.feature_names)), *((trials, groups),) * 2, (trials,))
    if sizes != expected or not groups:
        msg = f"its sizes are {sizes}, expected {expected}"
        raise ValueError(msg)
    if not ((np.abs(features) < _LARGEST).all() and 0 < source.budget < _LARGEST):
        msg = "a feature or its budget is no number that can be"
        raise ValueError(msg)
    sound = (np.abs(rewards) < _LARGEST) & (costs > 0) & (costs < _LARGEST)
    for table in (ratios, actions):
        with np.errstate(invalid="ignore"):
            sound &= ((table >= 0) & (table <= 1)).all(axis=1)
    return SourceRun(
        source.name,
        tuple(source.feature_names),
        features,
        ratios[sound],
        rewards[sound],
        costs[sound],
        float(source.budget),
        actions[sound],
    )
