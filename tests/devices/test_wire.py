"""What a worker sends is looked at before objects are made of it."""

import random
import struct
from typing import Any

import pytest
from execnet import DumpError
from execnet.gateway_base import Message, dumps_internal, loads_internal
from hypothesis import example, given, settings
from hypothesis import strategies as st

from edgeprune.devices import wire
from edgeprune.devices.answers import NonsenseError, checked, plain
from edgeprune.devices.wire import GarbageError, Inspector, check_payload

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**31), 10**30) | st.floats() | st.text(max_size=9)
    | st.binary(max_size=9),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(st.text(max_size=5), inner, max_size=4)
    | st.tuples(inner, inner),
    max_leaves=20,
)  # fmt: skip
#: Nearly an answer: right keys, any values.
ANSWERS = st.dictionaries(
    st.sampled_from(
        ("build_ms", "kernels", "outputs", "candidate", "missing", "failure", "message")
    ),
    PLAIN,
    max_size=4,
)


@given(PLAIN)
def test_whatever_a_worker_can_say_goes_through(value: Any) -> None:
    check_payload(dumps_internal(value))


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        (b"K" + struct.pack("!i", 2**31 - 1) + b"Q", "lists longer than what was sent"),
        (b"K\0\0\0\5" * 1000 + b"Q", "lists longer than what was sent"),
        (b"J" * (wire.MOST_CONTAINERS + 1), "more than .* 100,000 lists"),
        (b"L" * (wire.MOST_VALUES + 1), "more than 1,000,000 values"),
        (b"H" + struct.pack("!i", 400_000) + b"9" * 400_000 + b"Q", "integer of 400000 digits"),
        (b"A" + struct.pack("!i", -1) + b"Q", "negative length"),
        (b"A" + struct.pack("!i", 1000) + b"Q", "ends after the answer"),
        (b"A\0\0", "half a value"),
        (b"B\0\0\0\1Q", "unknown kind b'B'"),
        (b"\xff", "unknown kind"),
    ],
)
def test_what_would_become_too_much_is_refused_before_it_does(payload: bytes, said: str) -> None:
    with pytest.raises(GarbageError, match=said):
        check_payload(payload)


@settings(max_examples=300)
@given(st.binary(max_size=60))
@example(b"K\0\0\0\1F\0\0\0\0LPQ")
def test_what_passes_takes_no_more_memory_than_it_has_bytes_for(payload: bytes) -> None:
    try:
        check_payload(payload)
    except GarbageError:
        return
    try:
        found = loads_internal(payload)
    except Exception:  # nonsense of a harmless kind: execnet ends the connection
        return
    assert len(repr(found)) < 100 * (1 + len(payload))


def _header(kind: int, length: int) -> bytes:
    return struct.pack("!bii", kind, 1, length)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"Welcome! ", "no message begins with 57 65 6c"),
        (_header(Message.CHANNEL_EXEC, 10), "no message begins with"),
        (_header(Message.CHANNEL_DATA, -1), "no message begins with"),
        (_header(Message.CHANNEL_DATA, 800 * 2**20), "began an answer of 838,860,800 bytes"),
        (_header(Message.CHANNEL_DATA, 10), "answers what it was not asked"),
    ],
)
def test_a_header_that_is_none(content: bytes, said: str) -> None:
    with pytest.raises(GarbageError, match=said):
        Inspector().header(content)


def test_one_answer_to_each_question() -> None:
    inspector = Inspector()
    inspector.asked += 1
    assert inspector.header(_header(Message.CHANNEL_DATA, 7)) == 7
    with pytest.raises(GarbageError, match="not asked"):
        inspector.header(_header(Message.CHANNEL_DATA, 7))
    assert inspector.header(_header(Message.CHANNEL_CLOSE, 0)) == 0


@settings(max_examples=500)
@given(
    st.sampled_from(("start", "state", "build", "measure", "profile", "outputs", "put")),
    PLAIN | ANSWERS,
)
def test_an_answer_is_right_or_nonsense_and_never_another_error(step: str, answer: Any) -> None:
    try:
        answer = loads_internal(dumps_internal(answer))
    except DumpError:
        return
    try:
        assert checked(step, answer) is answer
    except NonsenseError as error:
        assert str(error).isprintable()


def test_texts_of_a_device_are_shown_without_control_characters() -> None:
    assert plain("\x1b]0;title\x07lost\r\n\u202e") == "]0;title lost"
    letters = "".join(map(chr, random.Random(0).choices(range(0xD7FF), k=5000)))
    assert plain(letters).isprintable() and len(plain(letters)) <= 2000
