"""A device can answer what it wants: nothing of it is run on the host."""

import sys
from pathlib import Path

import pytest

from edgeprune.config import TargetConfig
from edgeprune.devices import open_device
from edgeprune.errors import TargetError

#: Speaks execnet far enough to be taken for a worker, and asks the host to run code.
DEVICE = """
import struct, sys, time
from execnet.gateway_base import dumps_internal

trace = sys.argv[1]
sys.stdin.buffer.readline()
code = f"open({trace!r}, 'w').write('ran on the host')"
payload = dumps_internal((code, None, None, {}))
sys.stdout.buffer.write(b"1" + struct.pack("!bii", 3, 2, len(payload)) + payload)
sys.stdout.buffer.flush()
time.sleep(20)
"""


def test_a_device_cannot_have_the_host_run_code(tmp_path: Path) -> None:
    (tmp_path / "device.py").write_text(DEVICE)
    trace = tmp_path / "trace"
    command = (sys.executable, str(tmp_path / "device.py"), str(trace))
    target = TargetConfig.model_validate(
        {"name": "evil", "kind": "command", "command": {"python": command}}
    )
    with pytest.raises(
        TargetError, match=r"'evil'.*garbage on the connection: no message begins with 03"
    ):
        open_device(target).close()
    assert not trace.exists()
