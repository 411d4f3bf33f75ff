"""Where a value comes from: the file or an override."""

from collections.abc import Sequence
from dataclasses import dataclass

from edgeprune.config.document import Document
from edgeprune.config.overrides import Override
from edgeprune.config.problem import KeyPath, Place


@dataclass(frozen=True)
class Places:
    """The file and the overrides that made up a configuration."""

    document: Document
    overrides: Sequence[Override] = ()

    def override(self, path: KeyPath) -> Override | None:
        """The override that set the value at a path, or None if the file did."""
        matching = [each for each in self.overrides if path[: len(each.path)] == each.path]
        return matching[-1] if matching else None

    def value(self, path: KeyPath) -> Place:
        """The place of a value."""
        override = self.override(path)
        return override.place if override else self.document.place(path)

    def key(self, path: KeyPath) -> Place:
        """The place of a key."""
        override = self.override(path)
        return override.place if override else self.document.place(path, key=True)

    def section(self, path: KeyPath) -> Place:
        """The place of a section whose values do not go together: the last that changed one."""
        inside = [each for each in self.overrides if each.path[: len(path)] == path]
        return inside[-1].place if inside else self.key(path)
