"""A Python on a device that is reached with the `ssh` program.

The program, not a library: it knows the user's configuration, agent, keys and jump hosts. The
host's key must be known beforehand; nothing is ever asked.
"""

import shlex
from pathlib import Path

from execnet.gateway_io import popen_bootstrapline

from edgeprune.config.reach import SshConfig
from edgeprune.devices.interpreter import Interpreter, say_how_it_ended

_CONNECT_TIMEOUT_S = 15
_OPTIONS = (
    "BatchMode=yes",
    "StrictHostKeyChecking=yes",
    f"ConnectTimeout={_CONNECT_TIMEOUT_S}",
    # A link that broke is noticed within half a minute, whatever the time limit of a step.
    "ServerAliveInterval=10",
    "ServerAliveCountMax=3",
    # Weights hardly shrink, and the time it takes would be ours.
    "Compression=no",
)
#: What `ssh` exits with when it failed itself; any other code is the remote command's.
_SSH_FAILED = 255
_NOT_FOUND = 127
#: What `ssh` says where it will say the same until a person has done something.
_LASTING = (
    "identification has changed",
    "host key verification failed",
    "no such identity",
    "unprotected private key",
    "permission denied",
)


def ssh_command(config: SshConfig, command: str) -> tuple[str, ...]:
    """The local command line that runs a command on the device.

    Args:
        config: how the device is reached.
        command: for the device's shell.
    """
    words = ["ssh", "-T"]
    if config.config is not None:
        words += ["-F", str(config.config)]
    for option in _OPTIONS:
        words += ["-o", option]
    if config.known_hosts is not None:
        words += ["-o", f"UserKnownHostsFile={_quoted(config.known_hosts)}"]
    if config.key is not None:
        words += ["-o", f"IdentityFile={_quoted(config.key)}", "-o", "IdentitiesOnly=yes"]
    if config.port is not None:
        words += ["-p", str(config.port)]
    if config.user is not None:
        words += ["-l", config.user]
    if config.jump is not None:
        words += ["-J", config.jump]
    return (*words, "--", config.address, command)


def ssh_python(config: SshConfig, code: str = popen_bootstrapline) -> Interpreter:
    """The device's Python.

    Args:
        config: how the device is reached.
        code: what it runs; execnet's first line if not given.
    """
    program = f"{shlex.quote(config.python)} -u -c {shlex.quote(code)}"
    return Interpreter(
        ssh_command(config, program),
        explain=lambda code, errors: explain_ssh(config, code, errors),
        lasting=_lasts,
    )


def explain_ssh(config: SshConfig, code: int | None, errors: str) -> str:
    """What went wrong with the connection, and the command that mends it.

    Args:
        config: how the device should have been reached.
        code: exit code of `ssh`.
        errors: what it wrote to standard error.
    """
    if code == _NOT_FOUND:
        return (
            f"there is no {config.python!r} on the device; install Python 3.8 or later with numpy: "
            "sudo apt install python3 python3-numpy"
        )
    if code == _SSH_FAILED:
        for sign, reason in _reasons(config).items():
            if sign.lower() in errors.lower():
                return reason
    return say_how_it_ended(code, errors)


def _lasts(code: int | None, errors: str) -> bool:
    """Whether a person has to do something before the device can be reached again."""
    if code == _SSH_FAILED:
        return any(sign in errors.lower() for sign in _LASTING)
    return code == _NOT_FOUND


def _reasons(config: SshConfig) -> dict[str, str]:
    """By what `ssh` says; the first that fits counts."""
    host, user = config.address, f"{config.user}@" if config.user else ""
    port = config.port or 22
    by_hand = " ".join(
        ["ssh", *(["-p", str(port)] if config.port else []), f"{user}{host}"]
        if config.known_hosts is None
        else ["ssh-keyscan", "-p", str(port), host, ">>", shlex.quote(str(config.known_hosts))]
    )
    name = host if port == 22 else f"[{host}]:{port}"
    far = f"{host} does not answer on port {port}: is it switched on, and in this network?"
    identity = f"-i {shlex.quote(str(config.key))} " if config.key else ""
    return {
        "could not resolve": f"there is no host {host!r}; check ssh.host, or give its address",
        "connection refused": f"{host} refuses connections on port {port}: start its SSH server: "
        "sudo systemctl enable --now ssh",
        "timed out": far,
        "no route to host": far,
        "network is unreachable": far,
        "identification has changed": "its host key is not the one that is known: another machine, "
        "or one that was set up anew. If you know why, forget the old key: "
        f"ssh-keygen -R {shlex.quote(name)}; then accept the new one: {by_hand}",
        "host key verification failed": "its host key is not known; look at it and accept it once: "
        f"{by_hand}",
        "no such identity": f"there is no key {config.key}",
        "unprotected private key": f"others can read the key {config.key}: "
        f"chmod 600 {shlex.quote(str(config.key))}",
        "permission denied": "it does not accept the key; put yours there: "
        f"ssh-copy-id {identity}{f'-p {port} ' if config.port else ''}{user}{host}",
        "connection closed": f"{host} closed the connection on port {port}",
        "broken pipe": "the connection broke",
        "not responding": "the connection broke: no sign of life for half a minute",
        "connection reset": "the connection broke",
    }


def _quoted(path: Path) -> str:
    """A path as a word of an SSH option: spaces allowed, no ``%`` read as a variable."""
    return '"' + str(path).replace("%", "%%") + '"'
