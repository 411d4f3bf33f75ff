"""From a target's profile to the Python on its device."""

import sys
from typing import TYPE_CHECKING

from execnet.gateway_io import popen_bootstrapline

from edgeprune.config import TargetConfig
from edgeprune.config.reach import SshConfig
from edgeprune.devices.interpreter import Interpreter, python_command
from edgeprune.devices.ssh import ssh_python
from edgeprune.errors import TargetError

if TYPE_CHECKING:
    from edgeprune.boards import Recipe

_ARM_32 = "armv7l"


def interpreter_of(target: TargetConfig, code: str = popen_bootstrapline) -> Interpreter:
    """How the Python on a target's device is started.

    Args:
        target: its profile.
        code: what the Python runs; execnet's first line if not given.

    Raises:
        TargetError: it is a board of this machine that has not been made or started.
    """
    if target.command is not None:
        return python_command(target.command.python, code)
    config = ssh_config_of(target)
    if config is not None:
        return ssh_python(config, code)
    if target.board is not None:
        from edgeprune.boards import emulated_python

        return python_command([str(emulated_python(recipe_of(target)))], code)
    return python_command([sys.executable], code)


def board_name(target: TargetConfig) -> str:
    """What a virtual board is called: one with TVM on it, or of 32 bits, is another board."""
    if target.architecture == _ARM_32:
        return "armhf-virtual"
    return "arm64-virtual-tvm" if target.runtime == "tvm" else "arm64-virtual"


def recipe_of(target: TargetConfig) -> "Recipe":
    """What is on a board that this machine makes: TVM, a large package, only where it is used.

    Raises:
        TargetError: there is no such runtime for its processor.
    """
    from edgeprune.boards import RECIPE, RECIPE_ARMHF, RECIPE_TVM

    if target.architecture == _ARM_32:
        if target.runtime != "tflite":
            msg = (
                f"target {target.name!r}: there is no {target.runtime} for 32-bit ARM; "
                "allowed: runtime tflite"
            )
            raise TargetError(msg)
        return RECIPE_ARMHF
    return RECIPE_TVM if target.runtime == "tvm" else RECIPE


def ssh_config_of(target: TargetConfig) -> SshConfig | None:
    """How a target is reached over SSH; None where it is not.

    Raises:
        TargetError: it is a virtual board that does not run.
    """
    if target.ssh is not None:
        return target.ssh
    if target.board is None or target.board.machine != "virtual":
        return None
    from edgeprune.boards import virtual

    board = virtual.status(board_name(target))
    if board is None:
        msg = (
            f"target {target.name!r}: the virtual board does not run; start it: "
            f"edgeprune target start {target.name}"
        )
        raise TargetError(msg)
    return board.reach
