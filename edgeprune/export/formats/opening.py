"""A format by its name or by a file's; an extra that it needs is asked for here, and only here."""

from pathlib import Path

from edgeprune.config import TargetConfig
from edgeprune.devices.artifacts import Note, quiet
from edgeprune.errors import ConfigError, RunError, nearest
from edgeprune.export.formats.protocol import Format

#: Format -> end of its files' names.
SUFFIXES = {"onnx": ".onnx", "tflite": ".tflite", "tvm": ".so"}
FORMATS = tuple(SUFFIXES)
#: Format -> end of the name of a description that lies beside each of its files.
DESCRIPTIONS = {"tvm": ".json"}


def open_format(name: str, target: TargetConfig, note: Note = quiet) -> Format:
    """A format, ready to be used.

    Args:
        name: one of `FORMATS`.
        target: where its files are to run: what libraries are compiled for.
        note: told what takes long.

    Raises:
        ConfigError: there is no such format.
        TargetError: what it needs is not installed; the message names the command.
    """
    if name == "onnx":
        from edgeprune.export.formats.onnx import OnnxFormat

        return OnnxFormat()
    if name == "tflite":
        from edgeprune.export.formats.tflite import TfliteFormat

        return TfliteFormat()
    if name == "tvm":
        from edgeprune.export.formats.tvm import TvmFormat

        return TvmFormat(target, note)
    msg = f"unknown format {name!r}; allowed: {', '.join(FORMATS)}{nearest(name, FORMATS)}"
    raise ConfigError(msg)


def check_writable(name: str, target: TargetConfig) -> None:
    """Check that files of a format can be written here, before anything long is begun.

    Args:
        name: one of `FORMATS`.
        target: where its files are to run.

    Raises:
        TargetError: an extra, a compiler or a converter is missing; the message names the command.
    """
    open_format(name, target)
    if name == "tflite":
        from edgeprune.export.litert import converter_python

        converter_python()


def file_name(form: str, precision: str, target: TargetConfig) -> str:
    """What an artifact is called: ``model-int8.tflite``, ``model-x86_64-linux-gnu.so``.

    Args:
        form: its format.
        precision: its precision; float32 is not named.
        target: a library's name holds the triple that it is compiled for.
    """
    parts = ["model", *([] if precision == "float32" else [precision])]
    if form == "tvm":
        from edgeprune.devices.tvm import target_of
        from edgeprune.devices.tvm.host import triple_of

        parts.append(triple_of(target_of(target)))
    return "-".join(parts) + SUFFIXES[form]


def format_of(path: Path) -> str:
    """The format of a file, by its name.

    Raises:
        RunError: the name ends in none of theirs.
    """
    for name, suffix in SUFFIXES.items():
        if path.suffix == suffix:
            return name
    allowed = ", ".join(SUFFIXES.values())
    msg = f"{path}: a model file is told by the end of its name; allowed: {allowed}"
    raise RunError(msg)


def device_content(path: Path) -> bytes:
    """What a device is sent of a written artifact: the file, a library with its description."""
    if path.suffix != SUFFIXES["tvm"]:
        return path.read_bytes()
    from edgeprune.export.formats.tvm_library import packed

    return packed(path)
