"""A process that writes to a history: python writer.py URL FIRST COUNT."""

import sys

from edgeprune.history import History, KernelLatency

if __name__ == "__main__":
    url, first, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    with History.open(url) as history:
        history.target("shared", {"cpu": "any"})
        for number in range(first, first + count):
            history.record_kernels(
                "shared", [KernelLatency({"number": number}, 1.0, (0.9, 1.1), 10)]
            )
