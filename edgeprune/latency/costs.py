"""What layers cost; the form in which any room may give it."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class LayerCosts(Protocol):
    """What every layer costs; float64 (layers,), or (plans, layers) of several plans."""

    @property
    def macs(self) -> Floats:
        """Multiply-accumulates."""

    @property
    def input_elements(self) -> Floats:
        """Numbers read."""

    @property
    def output_elements(self) -> Floats:
        """Numbers written."""

    @property
    def weights(self) -> Floats:
        """Weights read."""
