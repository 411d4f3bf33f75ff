"""Walking the chain from this machine to a trusted latency, link by link.

Every link that holds tells what was found; the one that is broken tells the command that mends it.
"""

import json
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from edgeprune.config import TargetConfig
from edgeprune.devices.device import Device, open_device
from edgeprune.devices.known_net import small_net
from edgeprune.devices.pool import open_pool
from edgeprune.devices.reach import interpreter_of
from edgeprune.devices.remote import RemoteDevice
from edgeprune.devices.runtimes import taken_by
from edgeprune.errors import EdgepruneError, TargetError
from edgeprune.finished import finished

#: What a Python on the device tells of itself: one line, any Python 3.
_PROBE = """
import json, os, platform, sys, tempfile
found = {"python": list(sys.version_info[:3]), "machine": platform.machine()}
try:
    import numpy
    found["numpy"] = numpy.__version__
except Exception as error:
    found["numpy_error"] = str(error)
try:
    with tempfile.NamedTemporaryFile() as file:
        file.write(b"x")
    disk = os.statvfs(tempfile.gettempdir())
    found["free_mb"] = disk.f_bavail * disk.f_frsize // 1000000
    found["folder"] = tempfile.gettempdir()
except Exception as error:
    found["write_error"] = str(error)
print("EDGEPRUNE" + json.dumps(found))
"""
_MARK = "EDGEPRUNE"
_OLDEST_PYTHON = [3, 8]
#: Free space below which a TVM library or a TensorRT engine may not fit.
_LEAST_FREE_MB = 200
#: Largest relative difference of outputs that still counts as the same network.
_LARGEST_DIFFERENCE = 1e-4
#: A/A ratio further from 1 than this: latencies of this device cannot be told apart well.
_LARGEST_NOISE = 0.02
#: Latencies are tens of microseconds at least; a coarser clock cannot see them.
_COARSEST_CLOCK_NS = 2000


@dataclass(frozen=True)
class Link:
    """One link of the chain.

    Attributes:
        name: what is looked at.
        state: ``ok``; ``warning``, latencies may be worse than they could be; ``broken``.
        found: what there is.
        mend: what to do about it, where something is to be done.
    """

    name: str
    state: str
    found: str
    mend: str = ""

    def to_json(self) -> dict[str, str]:
        """As plain data."""
        return asdict(self)


def check_target(target: TargetConfig) -> Iterator[Link]:
    """Try a target from the connection to the noise floor; ends at the first broken link.

    Args:
        target: its profile.

    Yields:
        The links, as they are tried.
    """
    if target.kind == "simulated":
        yield Link("device", "ok", "simulated: nothing to reach")
        return
    try:
        found = _probe(target)
    except EdgepruneError as error:
        yield Link("connection", "broken", *_split(str(error)))
        return
    yield Link("connection", "ok", _how(target))
    for link in _look_at(found):
        yield link
        if link.state == "broken":
            return
    try:
        device = open_device(target)
    except EdgepruneError as error:
        yield Link("runtime", "broken", *_split(str(error)))
        return
    with device:
        yield from _try_device(target, device)


def check_boards(boards: Sequence[TargetConfig]) -> Iterator[Link]:
    """Try one board, or all boards of a pool and whether they are one.

    A board of a pool that cannot be reached now is a warning where others can: a run sets it aside.

    Args:
        boards: their profiles.

    Yields:
        The links, as they are tried; those of a pool's boards have their names in front.
    """
    if len(boards) == 1:
        yield from check_target(boards[0])
        return
    for board in boards:
        for link in check_target(board):
            away = link.state == "broken"
            state = "warning" if away else link.state
            found = f"set aside: {link.found}" if away else link.found
            yield Link(f"{board.name}: {link.name}", state, found, link.mend)
    try:
        with open_pool(boards) as pool:
            there = len(pool.roster.there())
    except EdgepruneError as error:
        yield Link("pool", "broken", *_split(str(error)))
        return
    state = "ok" if there == len(boards) else "warning"
    yield Link("pool", state, f"{there} of {len(boards)} boards are there, of one type")


def _probe(target: TargetConfig) -> dict[str, Any]:
    """Run the device's Python once.

    Raises:
        TargetError: it cannot be reached, or what it says is not Python's.
    """
    interpreter = interpreter_of(target, _PROBE)
    limit_s = target.measure.timeout_s
    try:
        done = finished(interpreter.argv, limit_s)
    except OSError as error:
        msg = f"{interpreter.argv[0]!r} cannot be started: {error.strerror}"
        raise TargetError(msg) from error
    except subprocess.TimeoutExpired as error:
        msg = f"no answer within {limit_s:g} s (measure.timeout_s)"
        raise TargetError(msg) from error
    _, mark, answer = done.stdout.partition(_MARK)
    if not mark:
        raise TargetError(interpreter.explain(done.returncode, done.stderr))
    found: dict[str, Any] = json.loads(answer)
    return found


def _how(target: TargetConfig) -> str:
    if target.ssh is not None:
        return f"ssh to {target.ssh.address}, its host key is known"
    if target.board is not None:
        return f"the {target.board.machine} board of this machine"
    return "this machine" if target.command is None else "command: " + target.command.python[0]


def _look_at(found: dict[str, Any]) -> Iterator[Link]:
    version = ".".join(map(str, found["python"]))
    if found["python"] < _OLDEST_PYTHON:
        yield Link("Python", "broken", version, "install Python 3.8 or later on the device")
    else:
        yield Link("Python", "ok", f"{version} on {found['machine']}")
    if "numpy" in found:
        yield Link("numpy", "ok", found["numpy"])
    else:
        mend = "on the device: sudo apt install python3-numpy, or python3 -m pip install numpy"
        yield Link("numpy", "broken", found["numpy_error"], mend)
    if "write_error" in found:
        yield Link("write access", "broken", found["write_error"], "set TMPDIR on the device")
    elif found["free_mb"] < _LEAST_FREE_MB:
        space = f"{found['free_mb']} MB free in {found['folder']}"
        yield Link("write access", "warning", space, "free some space, or set TMPDIR")
    else:
        yield Link("write access", "ok", f"{found['free_mb']} MB free in {found['folder']}")


def _try_device(target: TargetConfig, device: Device) -> Iterator[Link]:
    facts = device.conditions()
    details = [f"{facts['threads']} thread{'s' * (facts['threads'] > 1)}"]
    details += facts.get("providers", [])
    yield Link("runtime", "ok", f"{facts['runtime']} {facts['version']}, {', '.join(details)}")
    yield _clock(facts)
    yield from _surroundings(target, facts)
    try:
        yield from _try_net(target, device)
    except EdgepruneError as error:
        yield Link("known network", "broken", *_split(str(error)))


def _clock(facts: dict[str, Any]) -> Link:
    kind, step = facts.get("clock_kind", "real"), facts["clock_resolution_ns"]
    if kind == "instructions":
        return Link("clock", "ok", "counts instructions: never to be read as milliseconds")
    if kind != "real":
        mend = "use it for outputs only; arm64-virtual gives repeatable latencies"
        return Link("clock", "warning", f"{kind}: its times mean nothing", mend)
    if step > _COARSEST_CLOCK_NS:
        return Link("clock", "warning", f"steps of {step} ns", "time larger models only")
    return Link("clock", "ok", f"steps of {step} ns")


def _surroundings(target: TargetConfig, facts: dict[str, Any]) -> Iterator[Link]:
    wanted = target.environment
    governor = facts.get("governor")
    if governor is None:
        yield Link("governor", "ok", "not readable: none, or the host's")
    elif wanted.governor not in {None, governor}:
        mend = (
            f"echo {wanted.governor} | sudo tee "
            "/sys/devices/system/cpu/cpu*/cpufreq/scaling_governor"
        )
        yield Link("governor", "warning", f"{governor}, not {wanted.governor}", mend)
    else:
        yield Link("governor", "ok", governor)
    heat, load = facts.get("temperature_c"), facts.get("load")
    if heat is not None:
        hot = wanted.max_temperature_c is not None and heat > wanted.max_temperature_c
        mend = "cool it: measurements are refused at this temperature" if hot else ""
        yield Link("temperature", "warning" if hot else "ok", f"{heat:.0f} degrees", mend)
    if facts.get("throttled"):
        yield Link("power", "broken", "throttled", "use the board's own power supply, and cool it")
    if load is not None:
        busy = wanted.max_load is not None and load > wanted.max_load
        mend = "end what else runs on it" if busy else ""
        yield Link("load", "warning" if busy else "ok", f"{load:.2f}", mend)


def _try_net(target: TargetConfig, device: Device) -> Iterator[Link]:
    if (known := _known_net(target)) is None:
        takes = ", ".join(taken_by(target))
        yield Link("known network", "ok", f"not tried: runtime {target.runtime} takes {takes}")
        return
    net, expected = known
    if isinstance(device, RemoteDevice):
        (found,) = device.outputs(net)
        difference = float(np.abs(found - expected).max() / np.abs(expected).max())
        right = difference <= _LARGEST_DIFFERENCE
        text = f"outputs differ by {difference:.1e} of their size"
        mend = "" if right else "this runtime computes something else: use another version"
        yield Link("known network", "ok" if right else "broken", text, mend)
    comparison = device.compare(net, net)
    noise, (low, high) = abs(comparison.ratio - 1), comparison.ratio_interval
    text = f"the same network against itself: {comparison.ratio:.4f}x ({low:.3f} to {high:.3f})"
    quiet = noise <= _LARGEST_NOISE
    mend = "" if quiet else "end what else runs on the device, or raise measure.runs"
    yield Link("noise floor", "ok" if quiet else "warning", text, mend)


def _known_net(target: TargetConfig) -> tuple[bytes, np.ndarray] | None:
    """A network for the target's runtime, and what this machine computes with it.

    None where the runtime takes files of no format that we have one in.
    """
    takes = taken_by(target)
    if "onnx" in takes:
        here, net = TargetConfig(name="this machine", kind="local"), small_net(32)
    elif "tflite" in takes:
        from edgeprune.devices.known_tflite import small_tflite_net

        here = TargetConfig(name="this machine", kind="local", runtime="tflite")
        net = small_tflite_net(32)
    else:
        return None
    with RemoteDevice(here, interpreter_of(here)) as device:
        (expected,) = device.outputs(net)
    return net, expected


def _split(message: str) -> tuple[str, str]:
    """What is wrong, and what mends it: in our messages what follows the first semicolon."""
    wrong, separator, mend = message.partition("; ")
    return (wrong, mend) if separator else (message, "")
