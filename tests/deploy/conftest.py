from pathlib import Path

import pytest

from tests.deploy.bundles import write_bundle


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run; not to be changed."""
    return write_bundle(tmp_path_factory.mktemp("run"))
