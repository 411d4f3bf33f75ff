"""A real Ray on the loopback interface, without dashboard: one for all tests of this folder."""

import importlib.util
import os
from collections.abc import Iterator

import pytest

from edgeprune.execution import Cluster, open_cluster


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    if importlib.util.find_spec("ray") is None:
        if os.environ.get("CI"):
            pytest.fail("Ray is not installed: pip install 'edgeprune[ray]'")
        pytest.skip("Ray is not installed: pip install 'edgeprune[ray]'")
    with open_cluster("auto", 4) as found:
        yield found


@pytest.fixture(scope="session")
def address(cluster: Cluster) -> str:
    """Where another process reaches it."""
    return str(cluster.ray.get_runtime_context().gcs_address)
