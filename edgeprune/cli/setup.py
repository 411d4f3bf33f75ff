"""`edgeprune setup`: parts that cannot live in edgeprune's own environment."""

from functools import partial

from edgeprune.errors import ConfigError, nearest
from edgeprune.terminal import say

_PARTS = ("tflite",)


def set_up(part: str) -> None:
    """Install a part and print where it is.

    Args:
        part: ``tflite``, the converter.

    Raises:
        ConfigError: there is no such part.
        TargetError: the installation failed.
    """
    if part not in _PARTS:
        msg = f"unknown part {part!r}; allowed: {', '.join(_PARTS)}{nearest(part, _PARTS)}"
        raise ConfigError(msg)
    from edgeprune.export.litert import make_environment

    python = make_environment(partial(say, error=True))
    say(f"TFLite files can be written: {python}")
