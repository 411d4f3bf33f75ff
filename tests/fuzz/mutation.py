"""Broken inputs made from valid ones: by bytes, by the values of a document, and by Hypothesis.

Everything follows from a random generator's seed, so that a case is made again from its number.
"""

import copy
import json
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from hypothesis import strategies as st

#: Values that programs are not ready for: none, empty, negative, huge, not a number, not text.
ODD_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2**31, 2**63, -(2**63), 2**64, 10**400),
    *(0.0, -0.5, 1e308, 1e-320, float("nan"), float("inf"), -float("inf")),
    *("", " ", "\0", "\n", "a" * 300, "/" + "b" * 5000, "../../x", "~nobody/x", "/dev/null"),
    *("${HOME}", "${", "${NO_SUCH:-x}", "[/b]", "\x1b[31m", "\ud800", "\u202e", "é", "1e400"),
    *("0.5x", "os:system", "9" * 5000, "0x" + "f" * 5000, "%s%n", "{}", "!!python/name:os.system"),
    *([], {}, [[]], [None], {"": None}, {"__class__": 1}, [0] * 100),
)
#: Pieces of text that mean something to a parser.
_TOKENS = (
    *(b"null", b"true", b"{}", b"[]", b"{", b"}", b"[", b"]", b":", b",", b"\n", b"- ", b"  "),
    *(b"&a ", b"*a", b"<<: *a", b"!!", b"!!int ", b"!!binary ", b"--- ", b"... ", b"%YAML 1.1\n"),
    *(b"? ", b"| ", b"> ", b"#", b"\t", b'"', b"'", b"\\", b"\\ud800", b"\xff", b"\xef\xbb\xbf"),
    *(b"NaN", b"Infinity", b"1e999", b"-0", b"9" * 400, b"../", b"\r", b"\x00", b"\xc2\x85"),
)
_EDGES = (0, 1, 2, 3, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 2**31 - 1, 2**31, 2**32 - 1)


def broken_bytes(generator: random.Random, seeds: Sequence[bytes]) -> bytes:
    """A valid file with a few bytes flipped, removed, doubled or put in."""
    content = bytearray(generator.choice(seeds))
    for _ in range(generator.choice((1, 1, 1, 2, 3, 5, 10))):
        start = generator.randrange(len(content) + 1)
        end = min(len(content), start + generator.choice((1, 2, 4, 8, 64, 1000)))
        match generator.randrange(8):
            case 0 if start < len(content):
                content[start] ^= 1 << generator.randrange(8)
            case 1 if start < len(content):
                content[start] = generator.choice(_EDGES[:7])
            case 2:
                word = generator.choice(_EDGES).to_bytes(4, "little")
                content[start : start + 4] = word
            case 3:
                del content[start:end]
            case 4:
                content[start:start] = content[start:end] * generator.choice((1, 2, 50))
            case 5:
                content[start:start] = generator.choice(_TOKENS)
            case 6:
                other = generator.choice(seeds)
                cut = generator.randrange(len(other) + 1)
                content[start:] = other[cut : cut + 100_000]
            case _:
                del content[start:]
    return bytes(content)


def broken_value(generator: random.Random, value: Any, odd: Sequence[Any] = ODD_VALUES) -> Any:
    """A document's value with a few of its parts replaced, removed, doubled, renamed or moved."""
    try:
        return _broken_value(generator, value, odd)
    except (RecursionError, OverflowError):  # it was broken before, as much as it can be
        return value


def _broken_value(generator: random.Random, value: Any, odd: Sequence[Any]) -> Any:
    value = json.loads(json.dumps(value))
    for _ in range(generator.choice((1, 1, 1, 2, 3, 6))):
        spots = list(_spots(value))
        if not spots:
            return copy.deepcopy(generator.choice(odd))
        owner, key = generator.choice(spots)
        other, other_key = generator.choice(spots)
        match generator.randrange(8):
            case 0:
                del owner[key]
            case 1 if isinstance(owner, dict):
                owner[str(generator.choice([*owner, "version", "x", ""]))] = owner.pop(key)
            case 2:
                owner[key] = json.loads(json.dumps(other[other_key]))
            case 3:
                owner[key] = [owner[key]] * generator.choice((1, 2))
            case 4:
                owner[key] = nested(owner[key], generator.choice((2, 50, 500)))
            case 5 if isinstance(owner[key], int | float):
                owner[key] = owner[key] * generator.choice((-1, 0, 0.5, 1.5, 1000))
            case _:
                owner[key] = copy.deepcopy(generator.choice(odd))
    return value


def nested(value: Any, depth: int) -> Any:
    """A value inside so many lists."""
    for _ in range(depth):
        value = [value]
    return value


def words_of(values: Sequence[Any]) -> tuple[str, ...]:
    """All keys and texts of some documents."""
    found: set[str] = set()
    for value in values:
        for owner, key in _spots(value):
            found |= {one for one in (key, owner[key]) if isinstance(one, str)}
    return tuple(sorted(found))


def drawn_values(words: Sequence[str]) -> "st.SearchStrategy[Any]":
    """Hypothesis' documents of the words that a real one has."""
    texts = st.sampled_from(tuple(words)) | st.text(max_size=20)
    numbers = st.integers() | st.floats()
    leaves = st.none() | st.booleans() | numbers | texts | st.sampled_from(ODD_VALUES)
    return st.recursive(
        leaves,
        lambda inner: (
            st.lists(inner, max_size=6) | st.dictionaries(st.sampled_from(words), inner, max_size=8)
        ),
        max_leaves=30,
    )


def drawn_edits(seeds: Sequence[bytes]) -> "st.SearchStrategy[bytes]":
    """Hypothesis' edits of valid files."""
    edit = st.tuples(
        st.integers(0, max(map(len, seeds))),
        st.integers(0, 16),
        st.binary(max_size=12) | st.sampled_from(_TOKENS),
    )
    return st.tuples(st.sampled_from(seeds), st.lists(edit, min_size=1, max_size=6)).map(_edited)


def _edited(drawn: tuple[bytes, list[tuple[int, int, bytes]]]) -> bytes:
    content, edits = drawn
    for start, removed, put_in in edits:
        content = content[:start] + put_in + content[start + removed :]
    return content


def _spots(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every owner and key in nested mappings and lists."""
    waiting = [value]
    while waiting:
        owner = waiting.pop()
        keys: Any = ()
        if isinstance(owner, dict):
            keys = list(owner)
        elif isinstance(owner, list):
            keys = range(min(len(owner), 8))  # of long lists of numbers the first say enough
        for key in keys:
            yield owner, key
            waiting.append(owner[key])


#: Makes a document's text of a value.
Written = Callable[[Any], bytes]
