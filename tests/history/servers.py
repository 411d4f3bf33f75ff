"""A PostgreSQL server for tests; a conftest imports the fixtures it wants from here.

It is started once by each process of tests, as an unprivileged user, on a socket of its own. Where
EDGEPRUNE_TEST_POSTGRESQL names another one, as in postgresql+psycopg://me@lab/postgres, that is
used; its user must be allowed to make databases.
"""

import os
from collections.abc import Iterator

import pytest

from edgeprune.testing.postgresql import database, postgresql_server


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The server's address."""
    if given := os.environ.get("EDGEPRUNE_TEST_POSTGRESQL"):
        yield given
        return
    with postgresql_server() as server:
        yield server


@pytest.fixture
def postgresql_url(postgresql: str) -> Iterator[str]:
    """An empty database of it."""
    with database(postgresql) as url:
        yield url
