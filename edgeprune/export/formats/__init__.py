"""File formats: each is one class behind `Format`, opened by name."""

from edgeprune.export.formats.protocol import Format, FormatSpec, Lint, Made, Source
from edgeprune.export.formats.registry import (
    check_writable,
    device_content,
    file_name,
    format_named,
    format_of,
    formats,
    open_format,
)

__all__ = [
    "Format",
    "FormatSpec",
    "Lint",
    "Made",
    "Source",
    "check_writable",
    "device_content",
    "file_name",
    "format_named",
    "format_of",
    "formats",
    "open_format",
]
