"""Several boards of one type as one device: each measurement takes a board that is free."""

from edgeprune.devices.pool.opening import open_pool
from edgeprune.devices.pool.pool import DevicePool

__all__ = ["DevicePool", "open_pool"]
