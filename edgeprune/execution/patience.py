"""How long a worker may be silent before it is taken for hung."""

import threading

#: Times as long as the slowest work so far would take for as many images: machines differ, and
#: others use them.
_FACTOR = 10.0
#: Least seconds: a moment of a busy machine is no hang.
_LEAST_S = 60.0
#: Before any work was answered: for what comes first, and for each image.
_FIRST_S, _IMAGE_S = 1800.0, 0.05


class Patience:
    """Learns from every answer how long one takes; any thread may ask.

    Args:
        seconds: the limit for every piece of work; None: it is learned.
    """

    def __init__(self, seconds: float | None = None) -> None:
        self._seconds = seconds
        self._slowest: float | None = None
        self._lock = threading.Lock()

    def limit(self, images: int, tries: int) -> float:
        """Seconds that an answer may take.

        Args:
            images: how much work it is.
            tries: workers that did not answer before; each try gets twice as long as the last.
        """
        if self._seconds is not None:
            first = self._seconds
        elif self._slowest is None:
            first = max(_FIRST_S, _IMAGE_S * images)
        else:
            first = max(_LEAST_S, _FACTOR * self._slowest * images)
        return float(first * 2**tries)

    def learn(self, images: int, seconds: float) -> None:
        """Take in what an answer took.

        Args:
            images: how much work it was.
            seconds: from asking to the answer.
        """
        with self._lock:
            self._slowest = max(self._slowest or 0.0, seconds / images)
