"""What is fuzzed: a way from bytes into edgeprune, with valid inputs to start from."""

import random
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from tests.fuzz.mutation import (
    Written,
    broken_bytes,
    broken_value,
    drawn_edits,
    drawn_values,
    words_of,
)

#: To be called before bytes are given to a runtime's native code: see `Surface.case`.
Entering = Callable[[], None]


class Surface(ABC):
    """One way in.

    Attributes:
        seeds: valid inputs.
    """

    seeds: Sequence[bytes]

    @abstractmethod
    def case(self, content: bytes, folder: Path, native: Entering) -> None:
        """Give an input to edgeprune, as a command would.

        Args:
            content: the input.
            folder: the only one that may be written.
            native: called before what edgeprune runs in a process of its own with limits; a crash
                or a hang from there on is told to the user by the process that waits for it.

        Raises:
            Exception: whatever edgeprune raises.
        """

    def mutated(self, generator: random.Random) -> bytes:
        """A broken input, from a valid one."""
        return broken_bytes(generator, self.seeds)

    def drawn(self) -> "st.SearchStrategy[bytes]":
        """Hypothesis' broken inputs."""
        return drawn_edits(self.seeds)


class DocumentSurface(Surface):
    """A text with values, such as YAML or JSON.

    Args:
        values: of valid documents.
        write: makes the text.
        read: the way in, with the path of a file that holds the text.
        name: of the file.
    """

    def __init__(
        self, values: Sequence[Any], write: Written, read: Callable[[Path], object], name: str
    ) -> None:
        self._values, self._write, self._read, self._name = values, write, read, name
        self.seeds = [write(one) for one in values]

    def case(self, content: bytes, folder: Path, native: Entering) -> None:
        """See `Surface.case`."""
        path = folder / self._name
        path.write_bytes(content)
        self._read(path)

    def mutated(self, generator: random.Random) -> bytes:
        """See `Surface.mutated`; mostly whole documents with wrong values."""
        if generator.random() < 0.3:
            return super().mutated(generator)
        return self._write(broken_value(generator, generator.choice(self._values)))

    def drawn(self) -> "st.SearchStrategy[bytes]":
        """See `Surface.drawn`."""
        return super().drawn() | drawn_values(words_of(self._values)).map(self._write)
