"""Every error edgeprune raises on purpose, with the exit code the command line gives it."""

import difflib
from collections.abc import Iterable


class EdgepruneError(Exception):
    """Base of all errors raised on purpose; the message is meant for the user as it stands."""

    exit_code = 1


class UserError(EdgepruneError):
    """Something the user gave cannot be used: the message names it and what is allowed."""

    exit_code = 2


class ConfigError(UserError):
    """A pipeline or target file is wrong: file, line, value, what is allowed."""


class WorkloadError(UserError):
    """A model, its weights or its data cannot be loaded."""


class SpaceError(UserError):
    """Channel groups, widths or a plan do not fit the model."""


class FormError(UserError):
    """A model takes or gives back something that is neither tensors nor a form of tensors."""


class SearchError(UserError):
    """A sampler or reward is unknown or its options are wrong."""


class SlicingError(SpaceError):
    """A converted file cannot be cut as its network is; the message names the operator."""


class TargetError(UserError):
    """A target cannot be reached or lacks what its profile asks for."""


class UnreachableError(TargetError):
    """A target does not answer now and may later: it reboots, or its network is away."""


class NoHomeError(UserError):
    """This user has no home folder, and nothing says where files shall be kept instead."""


class RunError(UserError):
    """A run directory cannot be used: another pipeline's, read-only, or no run at all."""


class DivergedError(UserError):
    """A training's loss is not finite any more: its learning rate is too high."""


class ExecutionError(UserError):
    """Workers cannot be had: no Ray, no answer, too few processors, another edgeprune there."""


class MeasurementError(EdgepruneError):
    """A latency could not be trusted (zero, NaN, worker lost); never turned into a number."""


class DeviceFailedError(MeasurementError):
    """The device failed while it measured (lost, hung, talking nonsense): another try may do."""


class UnsteadyError(DeviceFailedError):
    """The device's own state spoilt a measurement: throttled, too hot, a clock that changed."""


class WorkersLostError(MeasurementError):
    """A candidate could not be scored: worker after worker was lost over it."""


class NoBoardError(EdgepruneError):
    """The last board of a pool went away and did not come back: the run waits to be resumed."""

    exit_code = 4


class VerificationError(EdgepruneError):
    """A written artifact does not compute what the torch model computes."""


class InterruptedRun(KeyboardInterrupt):
    """Ctrl-C during a run; nothing that was finished is lost.

    Attributes:
        directory: of the run, with which it goes on.
    """

    def __init__(self, directory: object) -> None:
        super().__init__()
        self.directory = directory


class BudgetError(EdgepruneError):
    """The latency budget cannot be met; the best artifact has been written."""

    exit_code = 3


def nearest(word: str, allowed: Iterable[str]) -> str:
    """A hint for a misspelt word.

    Args:
        word: what the user wrote.
        allowed: what would have been accepted.

    Returns:
        ``"; did you mean 'x'?"`` for the closest allowed word, or ``""`` when none is close.
    """
    # Of two that differ in capitals alone the last one is told, as `miou` is meant for `mIoU`.
    others = {str(name).lower(): str(name) for name in allowed if str(name) != str(word)}
    matches = difflib.get_close_matches(str(word).lower(), others, n=1)
    return f"; did you mean {others[matches[0]]!r}?" if matches else ""
