"""What every Python that a test of environments starts lacks; first on its PYTHONPATH.

EDGEPRUNE_TEST_NETWORK: file that attempts to reach another machine are written to; they fail.
EDGEPRUNE_TEST_NOBODY: this user is in no table, as with a container's ``--user 12345``.
"""

import os
import pwd
import sys
from typing import Any

_LOG = os.environ.get("EDGEPRUNE_TEST_NETWORK")
_HERE = ("127.", "::1", "localhost", "ip6-localhost")


def _no_network(event: str, arguments: tuple[Any, ...]) -> None:
    if event in {"socket.connect", "socket.sendto"}:
        address = arguments[1]
        # A path is a socket of this machine.
        host = address[0] if isinstance(address, tuple) else None
    elif event in {"socket.getaddrinfo", "socket.gethostbyname"}:
        host = arguments[0]
    else:
        return
    if host and not str(host).startswith(_HERE):
        with open(str(_LOG), "a", encoding="utf-8") as log:
            log.write(f"{event} {host}\n")
        msg = f"the network is unreachable: {host}"
        raise OSError(msg)


def _nobody(uid: int) -> None:
    msg = f"getpwuid(): uid not found: {uid}"
    raise KeyError(msg)


if _LOG:
    sys.addaudithook(_no_network)
if os.environ.get("EDGEPRUNE_TEST_NOBODY"):
    pwd.getpwuid = _nobody  # type: ignore[assignment]
