"""Choosing rows so that every class gets its share."""

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.int64]


def stratified_share(labels: Rows, share: float, seed: int) -> tuple[Rows, Rows]:
    """Cut a share off each class, at random.

    A class keeps at least one image on either side; one with a single image stays whole, on
    the side of the rest.

    Args:
        labels: (N,) class of each row.
        share: between 0 and 1, exclusive.
        seed: equal seeds give equal cuts.

    Returns:
        The chosen rows and the rest, both ascending.
    """
    random = np.random.default_rng(seed)
    chosen = []
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        # Drawn even where nothing is taken, so that one class does not depend on another's size.
        order = random.permutation(rows)
        if len(rows) > 1:
            chosen.append(order[: min(max(round(share * len(rows)), 1), len(rows) - 1)])
    taken = np.sort(np.concatenate(chosen)) if chosen else np.empty(0, np.int64)
    return taken, np.setdiff1d(np.arange(len(labels)), taken)


def balanced_rows(labels: Rows, count: int, seed: int) -> Rows:
    """Choose rows at random with class sizes as equal as the supply allows.

    Args:
        labels: (N,) class of each row.
        count: how many rows; more than there are gives all.
        seed: equal seeds give equal choices.

    Returns:
        min(count, N) rows, ascending.
    """
    random = np.random.default_rng(seed)
    order = random.permutation(len(labels))
    # Row k of each class comes before row k + 1 of any: dealing cards round the classes.
    turn = np.empty(len(labels), np.int64)
    for label in np.unique(labels):
        of_class = np.flatnonzero(labels[order] == label)
        turn[of_class] = np.arange(len(of_class))
    dealt = order[np.argsort(turn, kind="stable")]
    return np.sort(dealt[:count])
