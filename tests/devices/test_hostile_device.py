"""A device can answer what it wants: nothing of it is run on the host."""

import sys
from pathlib import Path

import pytest

from edgeprune.config import TargetConfig
from edgeprune.devices import open_device
from edgeprune.errors import TargetError

#: Speaks execnet far enough to be taken for a worker, and asks the host to run code.
DEVICE = """
import os, select, struct, sys, time
from execnet.gateway_base import dumps_internal

trace, heard = sys.argv[1:3]
sys.stdin.buffer.readline()
code = f"open({trace!r}, 'w').write('ran on the host')"
payload = dumps_internal((code, None, None, {}))
sys.stdout.buffer.write(b"1" + struct.pack("!bii", 3, 2, len(payload)) + payload)
sys.stdout.buffer.flush()
answer, deadline = b"", time.monotonic() + 20
while b"disallowed" not in answer and time.monotonic() < deadline:
    if select.select([0], [], [], 0.1)[0]:
        answer += os.read(0, 65536)
open(heard, "wb").write(answer)
"""


def test_a_device_cannot_have_the_host_run_code(tmp_path: Path) -> None:
    (tmp_path / "device.py").write_text(DEVICE)
    trace, heard = tmp_path / "trace", tmp_path / "heard"
    command = (sys.executable, str(tmp_path / "device.py"), str(trace), str(heard))
    target = TargetConfig.model_validate(
        {"name": "evil", "kind": "command", "command": {"python": command}}
    )
    with pytest.raises(TargetError, match="'evil': the worker could not be started"):
        open_device(target).close()
    assert b"execution disallowed" in heard.read_bytes()
    assert not trace.exists()
