"""A process that writes trials to a history: python trial_writer.py URL FIRST COUNT."""

import sys

from edgeprune.history import History
from tests.history.example import SPACE, trial

if __name__ == "__main__":
    url, first, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    with History.open(url) as history:
        for number in range(first, first + count):
            history.runs.add(SPACE, trial(number))
