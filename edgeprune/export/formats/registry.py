"""Formats by name or by a file's; an extra that one needs is asked for when it is opened."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from edgeprune.config import TargetConfig
from edgeprune.devices.artifacts import Note, quiet
from edgeprune.errors import ConfigError, RunError, nearest
from edgeprune.export.formats.protocol import Format, FormatSpec
from edgeprune.plugins import specs

#: Entry points of other packages: each is a `FormatSpec`.
ENTRY_POINTS = "edgeprune.formats"


def _onnx(target: TargetConfig, note: Note) -> Format:
    from edgeprune.export.formats.onnx import OnnxFormat

    return OnnxFormat()


def _tflite(target: TargetConfig, note: Note) -> Format:
    from edgeprune.export.formats.tflite import TfliteFormat

    return TfliteFormat()


def _tvm(target: TargetConfig, note: Note) -> Format:
    from edgeprune.export.formats.tvm import TvmFormat

    return TvmFormat(target, note)


def _converter(target: TargetConfig) -> None:
    from edgeprune.export.litert import converter_python

    converter_python()


def _triple(target: TargetConfig) -> str:
    from edgeprune.devices.tvm import target_of
    from edgeprune.devices.tvm.host import triple_of

    return triple_of(target_of(target))


def _one_file(path: Path) -> bytes:
    from edgeprune.export.formats.external import one_file

    return one_file(path)


def _packed(path: Path) -> bytes:
    from edgeprune.export.formats.tvm_library import packed

    return packed(path)


_OURS = (
    FormatSpec("onnx", ".onnx", _onnx, content=_one_file),
    FormatSpec("tflite", ".tflite", _tflite, check=_converter),
    FormatSpec("tvm", ".so", _tvm, tag=_triple, content=_packed),
)


@cache
def formats() -> Mapping[str, FormatSpec]:
    """All formats: ours, and those that installed packages bring.

    Raises:
        ConfigError: a package's entry point cannot be loaded, is no `FormatSpec`, or takes a name
            that is taken.
    """
    return specs(ENTRY_POINTS, _OURS, ConfigError)


def format_named(name: str) -> FormatSpec:
    """What is known of a format.

    Raises:
        ConfigError: there is no such format.
    """
    if (found := formats().get(name)) is None:
        msg = f"unknown format {name!r}; allowed: {', '.join(formats())}{nearest(name, formats())}"
        raise ConfigError(msg)
    return found


def open_format(name: str, target: TargetConfig, note: Note = quiet) -> Format:
    """A format, ready to be used.

    Args:
        name: one of `formats`.
        target: where its files are to run: what libraries are compiled for.
        note: told what takes long.

    Raises:
        ConfigError: there is no such format.
        TargetError: what it needs is not installed; the message names the command.
    """
    return format_named(name).open(target, note)


def check_writable(name: str, target: TargetConfig) -> None:
    """Check that files of a format can be written here, before anything long is begun.

    Args:
        name: one of `formats`.
        target: where its files are to run.

    Raises:
        TargetError: an extra, a compiler or a converter is missing; the message names the command.
    """
    open_format(name, target)
    format_named(name).check(target)


def file_name(form: str, precision: str, target: TargetConfig) -> str:
    """What an artifact is called: ``model-int8.tflite``, ``model-x86_64-linux-gnu.so``.

    Args:
        form: its format.
        precision: its precision; float32 is not named.
        target: a library's name holds the triple that it is compiled for.
    """
    spec = format_named(form)
    parts = ("model", "" if precision == "float32" else precision, spec.tag(target))
    return "-".join(filter(None, parts)) + spec.suffix


def format_of(path: Path) -> FormatSpec:
    """The format of a file, by its name.

    Raises:
        RunError: the name ends in none of theirs.
    """
    for spec in formats().values():
        if path.suffix == spec.suffix:
            return spec
    allowed = ", ".join(spec.suffix for spec in formats().values())
    msg = f"{path}: a model file is told by the end of its name; allowed: {allowed}"
    raise RunError(msg)


def device_content(path: Path) -> bytes:
    """What a device is sent of a written artifact: the file, a library with its description.

    Raises:
        RunError: it is of no format.
    """
    return format_of(path).content(path)
