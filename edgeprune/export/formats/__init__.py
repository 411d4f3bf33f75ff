"""File formats: each is one class behind `Format`, opened by name."""

from edgeprune.export.formats.opening import (
    FORMATS,
    SUFFIXES,
    check_writable,
    device_content,
    file_name,
    format_of,
    open_format,
)
from edgeprune.export.formats.protocol import Format, Lint, Made, Source

__all__ = [
    "FORMATS",
    "SUFFIXES",
    "Format",
    "Lint",
    "Made",
    "Source",
    "check_writable",
    "device_content",
    "file_name",
    "format_of",
    "open_format",
]
