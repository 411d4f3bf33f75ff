"""The code that runs on the device: sent there as source, nothing of it is installed.

These files import the standard library, numpy and a runtime, nothing else, and run on Python 3.8.
They import one another relatively (``from .timing import time_pairs``): on the device they form a
package of their own, see `edgeprune.devices.worker.boot`.
"""
