"""What a worker sends, looked at before execnet builds objects of it.

A message is a header (kind, channel, length) and a payload in execnet's own format. A broken or
hostile worker could announce 2 GB, or write in five bytes a list of two thousand million entries.
"""

import struct
from typing import NoReturn

from execnet.gateway_base import Message, opcode

HEADER_BYTES = 9
#: Far more than the outputs of a network take.
LARGEST_MESSAGE = 64 * 2**20
#: Values, and lists, dicts and tuples, in one message: 60,000 pairs of runs have fewer.
MOST_VALUES, MOST_CONTAINERS = 1_000_000, 100_000
#: Decimal digits of an integer; nanoseconds of a century have 19.
_MOST_DIGITS = 40
#: The fewest bytes that one entry of a list takes: its place, its value, and putting it there.
_ENTRY_BYTES = 7

_HEADER, _NUMBER = struct.Struct("!bii"), struct.Struct("!i")
_KINDS = {
    Message.GATEWAY_TERMINATE,
    Message.CHANNEL_DATA,
    Message.CHANNEL_CLOSE,
    Message.CHANNEL_CLOSE_ERROR,
    Message.CHANNEL_LAST_MESSAGE,
}
#: Bytes that follow the code of a value of fixed size.
_FIXED = {
    **dict.fromkeys((opcode.NONE, opcode.TRUE, opcode.FALSE, opcode.SETITEM, opcode.STOP), 0),
    opcode.NEWDICT: 0,
    opcode.INT: 4,
    opcode.BUILDTUPLE: 4,
    opcode.FLOAT: 8,
}
_TEXTS = {opcode.BYTES, opcode.PY3STRING}
_CONTAINERS = {opcode.NEWDICT, opcode.NEWLIST, opcode.BUILDTUPLE}


class GarbageError(EOFError):
    """What came is no message of a worker, or one too large; an end of the stream to execnet."""


class Inspector:
    """Follows the messages of one worker.

    Attributes:
        asked: questions that were put so far; there is at most one answer to each.
    """

    def __init__(self) -> None:
        self.asked = 0
        self._answers = 0

    def header(self, content: bytes) -> int:
        """Check the header of a message.

        Returns:
            Bytes of its payload.

        Raises:
            GarbageError: it is none, announces too much, or answers what was not asked.
        """
        kind, _, length = _HEADER.unpack(content)
        if kind not in _KINDS or length < 0:
            msg = f"garbage on the connection: no message begins with {content.hex(' ')}"
            raise GarbageError(msg)
        if length > LARGEST_MESSAGE:
            msg = f"it began an answer of {length:,} bytes; allowed: {LARGEST_MESSAGE:,}"
            raise GarbageError(msg)
        if kind == Message.CHANNEL_DATA:
            if self._answers == self.asked:
                msg = "it answers what it was not asked"
                raise GarbageError(msg)
            self._answers += 1
        return int(length)


def check_payload(content: bytes) -> None:
    """Walk over the values of a payload without making any.

    Raises:
        GarbageError: a code that a worker does not use, or more values than any answer has.
    """
    place, values, containers, entries = 0, 0, 0, 0
    while place < len(content):
        code = content[place : place + 1]
        place += 1
        values += 1
        containers += code in _CONTAINERS
        if code == opcode.NEWLIST:
            entries += _number(content, place)
        place += _size(code, content, place)
        if values > MOST_VALUES or containers > MOST_CONTAINERS:
            _refuse(f"more than {MOST_VALUES:,} values or {MOST_CONTAINERS:,} lists")
        if entries * _ENTRY_BYTES > len(content):
            _refuse("lists longer than what was sent")
        if code == opcode.STOP:
            return
    if place > len(content):
        _refuse("a value that ends after the answer")


def _size(code: bytes, content: bytes, place: int) -> int:
    """Bytes of the value whose code stands before this place."""
    if code in _FIXED:
        return _FIXED[code]
    if code == opcode.NEWLIST:
        return _NUMBER.size
    if code == opcode.LONGINT:
        if (digits := _number(content, place)) > _MOST_DIGITS:
            _refuse(f"an integer of {digits} digits")
        return _NUMBER.size + digits
    if code not in _TEXTS:
        _refuse(f"a value of the unknown kind {code!r}")
    return _NUMBER.size + _number(content, place)


def _number(content: bytes, place: int) -> int:
    if place + _NUMBER.size > len(content):
        _refuse("half a value")
    (number,) = _NUMBER.unpack_from(content, place)
    if number < 0:
        _refuse("a value of negative length")
    return int(number)


def _refuse(what: str) -> NoReturn:
    msg = f"garbage on the connection: an answer holds {what}"
    raise GarbageError(msg)
