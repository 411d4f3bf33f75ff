"""`edgeprune setup`: parts that cannot live in edgeprune's own environment."""

from functools import partial

import typer

from edgeprune.errors import ConfigError, nearest

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

    python = make_environment(partial(typer.echo, err=True))
    typer.echo(f"TFLite files can be written: {python}")
