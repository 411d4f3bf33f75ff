"""Channel labels: integers on tensor axes that say which positions must be cut together."""

from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

Ids: TypeAlias = NDArray[np.int64]
#: One entry per axis of a tensor: the labels of its positions, or None where it is never cut.
Axes: TypeAlias = tuple[Ids | None, ...]


@dataclass(frozen=True, eq=False)
class _Equation:
    """An axis that is `factor` times as long as another one."""

    ids: Ids
    others: Ids
    factor: Fraction
    reason: str


@dataclass(frozen=True, eq=False)
class Classes:
    """The outcome of a propagation: labels that were found equal share a class.

    Attributes:
        of: class of every label, shape (labels,).
        count: how many classes there are.
        reasons: why a class may not be cut, for those that may not.
    """

    of: Ids
    count: int
    reasons: dict[int, str]


class Labels:
    """Issues labels, and collects which of them are equal and which may not be cut."""

    def __init__(self) -> None:
        #: Labels of every axis of every parameter seen so far, by state-dict name.
        self.parameters: dict[str, Axes] = {}
        self._count = 0
        self._links: list[tuple[Ids, Ids]] = []
        self._fixed: list[tuple[Ids, str]] = []
        self._equations: list[_Equation] = []

    def fresh(self, count: int) -> Ids:
        """`count` labels that equal no other."""
        start = self._count
        self._count += count
        return np.arange(start, self._count)

    def parameter(self, name: str, shape: tuple[int, ...]) -> Axes:
        """The labels of a parameter's axes; axes of size 1 have none, they cannot be cut."""
        if name not in self.parameters:
            self.parameters[name] = tuple(self.fresh(size) if size > 1 else None for size in shape)
        return self.parameters[name]

    def unify(self, first: Ids, second: Ids) -> None:
        """Say that two axes are cut at the same positions; shapes broadcast against each other."""
        self._links.append((first, second))

    def fix(self, ids: Ids | None, reason: str) -> None:
        """Say that these positions may not be cut. The first reason given is the one told."""
        if ids is not None and ids.size:
            self._fixed.append((ids, reason))

    def equate(self, ids: Ids, others: Ids, factor: Fraction, reason: str) -> None:
        """Say that an axis has a fixed factor times as many positions as another one."""
        if ids.size and ids.size == others.size * factor:
            self._equations.append(_Equation(ids, others, factor, reason))

    def solve(self) -> Classes:
        """Join what was unified, directly or through others.

        Axes that have to be equally long, and are not by what is joined so far, are joined
        position by position; what that does not mend may not be cut.
        """
        classes = self._joined()
        open_ones = [one for one in self._equations if _unequal(one, classes).size]
        if not open_ones:
            return classes
        for one in open_ones:
            shorter, longer = sorted((one.ids, one.others), key=len)
            if longer.size % shorter.size == 0:
                self.unify(shorter[None], longer.reshape(-1, shorter.size))
        classes = self._joined()
        for one in self._equations:
            for label in _unequal(one, classes).tolist():
                classes.reasons.setdefault(label, one.reason)
        return classes

    def _joined(self) -> Classes:
        pairs = [np.broadcast_arrays(first, second) for first, second in self._links]
        rows = np.concatenate([pair[0].ravel() for pair in pairs] or [np.empty(0, np.int64)])
        columns = np.concatenate([pair[1].ravel() for pair in pairs] or [np.empty(0, np.int64)])
        links = coo_array(
            (np.ones(len(rows), np.int8), (rows, columns)), shape=(self._count, self._count)
        )
        count, of = connected_components(links, directed=False)
        of = of.astype(np.int64)
        reasons: dict[int, str] = {}
        for ids, reason in self._fixed:
            for label in np.unique(of[ids]).tolist():
                reasons.setdefault(label, reason)
        return Classes(of, count, reasons)


def _unequal(equation: _Equation, classes: Classes) -> Ids:
    """Classes that may be cut and occur too often or too rarely on one of two axes."""
    factor = equation.factor
    counts = np.bincount(classes.of[equation.ids], minlength=classes.count) * factor.denominator
    counts -= np.bincount(classes.of[equation.others], minlength=classes.count) * factor.numerator
    return np.array([one for one in np.flatnonzero(counts) if one not in classes.reasons], np.int64)
