"""Kernel times at any channels, from a table of those that were measured."""

from collections.abc import Hashable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from edgeprune.errors import MeasurementError
from edgeprune.latency.alignment import PATHS, Alignment, Paths, learn_alignment
from edgeprune.latency.costs import Floats
from edgeprune.latency.features import FEATURES, Shapes, features
from edgeprune.latency.fitting import fit
from edgeprune.latency.kernels import Kernel

#: How much the times of a family count beside one time of the kernel's own place.
_FAMILY_STRENGTH = 0.03


class KernelModel:
    """Kernel times as non-negative combinations of their features.

    A combination is fitted for each path (see `alignment`) of each family, and from there for
    each place, where there are times of it. Within a path, more channels never cost less.

    Args:
        times: milliseconds by kernel.

    Raises:
        MeasurementError: there are none.
    """

    def __init__(self, times: Mapping[Kernel, Sequence[float]]) -> None:
        if not any(times.values()):
            msg = "the kernel table of this target is empty: profile some nets first"
            raise MeasurementError(msg)
        kernels = [kernel for kernel, seen in times.items() for _ in seen]
        measured = np.array([ms for seen in times.values() for ms in seen], np.float64)
        shapes, columns = Shapes.of(kernels), features(Shapes.of(kernels))
        self.alignments = _learn_alignments(kernels, columns, measured)
        paths = self.paths(shapes)
        families = _numbered(shapes.families)
        self._families = {
            name: number for number, name in enumerate(dict.fromkeys(shapes.families))
        }
        places = _numbered(shapes.places)
        self._places: dict[Hashable, Floats] = {}
        self._family_weights = np.zeros((len(self._families), PATHS, FEATURES))
        for number in range(len(self._families)):
            own = families == number
            for path in range(PATHS):
                # A path that was never seen is taken for the average of the others.
                chosen = own & (paths == path) if (own & (paths == path)).any() else own
                self._family_weights[number, path] = fit(columns[chosen], measured[chosen])
        for place, name in enumerate(dict.fromkeys(shapes.places)):
            own = places == place
            base = self._family_weights[families[own][0]]
            self._places[name] = np.stack(
                [
                    _refined(columns, measured, own & (paths == path), base[path])
                    for path in range(PATHS)
                ]
            )

    @property
    def block(self) -> int:
        """Channels in a block of the fast code: a convolution of fewer has a path of its own."""
        found = self.alignments.get("conv", Alignment())
        return found.fewest or found.multiple

    def paths(self, shapes: Shapes) -> Paths:
        """The path that every kernel takes."""
        found = np.zeros(len(shapes.kinds), np.intp)
        kinds = np.array(shapes.kinds)
        for kind, alignment in self.alignments.items():
            found = np.where(kinds == kind, alignment.paths(shapes), found)
        return found

    def weights(self, shapes: Shapes) -> Floats:
        """Weights of every kernel's features, by path: (kernels, paths, features).

        Kernels of a size that was never measured have those of their family; of a family that was
        never measured, those of all.
        """
        average = self._family_weights.mean(axis=0)
        found = []
        for family, place in zip(shapes.families, shapes.places, strict=True):
            if place in self._places:
                found.append(self._places[place])
            elif family in self._families:
                found.append(self._family_weights[self._families[family]])
            else:
                found.append(average)
        return np.stack(found)


def times_of(shapes: Shapes, paths: Paths, weights: Floats) -> Floats:
    """Milliseconds of every kernel.

    Args:
        shapes: of the kernels.
        paths: of the same, by `KernelModel.paths`.
        weights: of the same, by `KernelModel.weights`.
    """
    chosen = weights[np.arange(len(paths)), paths]
    return np.asarray((features(shapes) * chosen).sum(axis=1))


def _refined(columns: Floats, measured: Floats, chosen: NDArray[np.bool_], base: Floats) -> Floats:
    if not chosen.any():
        return base
    return fit(columns[chosen], measured[chosen], base, _FAMILY_STRENGTH)


def _learn_alignments(
    kernels: Sequence[Kernel], columns: Floats, measured: Floats
) -> dict[str, Alignment]:
    found = {}
    for kind in dict.fromkeys(kernel.kind for kernel in kernels):
        own = np.array([kernel.kind == kind for kernel in kernels])
        shapes = Shapes.of([kernel for kernel in kernels if kernel.kind == kind])
        families = _numbered(shapes.families)
        found[kind] = learn_alignment(shapes, columns[own], measured[own], families)
    return found


def _numbered(names: Sequence[Hashable]) -> NDArray[np.intp]:
    numbers = {name: number for number, name in enumerate(dict.fromkeys(names))}
    return np.array([numbers[name] for name in names], np.intp)
