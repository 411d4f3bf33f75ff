"""Which operators of a file go with the branches that a candidate has not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from edgeprune.errors import SlicingError

#: Operators whose output has no negative number if their input has none.
_KEEP_THE_SIGN = frozenset(
    {"AVERAGE_POOL_2D", "MAX_POOL_2D", "MEAN", "PAD", "STRIDED_SLICE", "SLICE", "RESHAPE"}
)
_NOT_NEGATIVE = frozenset({"RELU", "RELU6"})


@dataclass(frozen=True)
class Read:
    """An operator, as far as removing one is concerned.

    Attributes:
        kind: ``ADD``.
        layer: its name, for messages.
        given: tensors that it reads and that are computed, in its order.
        output: the tensor that it writes.
        activation: fused into it: ``NONE``, ``RELU``, …
    """

    kind: str
    layer: str
    given: tuple[int, ...]
    output: int
    activation: str = "NONE"


@dataclass
class Removal:
    """What goes.

    Attributes:
        gone: numbers of operators that are not there.
        activations: numbers of sums of which the activation is left, and the tensor it reads.
        stands_for: tensor that is read in place of another.
    """

    gone: set[int] = field(default_factory=set)
    activations: dict[int, int] = field(default_factory=dict)
    stands_for: dict[int, int] = field(default_factory=dict)

    def tensor(self, index: int) -> int:
        """What is read in place of a tensor; itself by default."""
        return self.stands_for.get(index, index)


def removed(operators: Sequence[Read], without_weights: Mapping[int, bool]) -> Removal:
    """Follow what is missing up to the sums that end the removed branches.

    A sum of a removed branch and a shortcut is the shortcut. Its ReLU is left out where nothing is
    negative: it would read and write the whole tensor for nothing.

    Args:
        operators: in the order in which they run.
        without_weights: whether each operator's weights are missing, by its number.

    Raises:
        SlicingError: an operator joins what is gone with what is not, and is no sum.
    """
    found, dead, positive = Removal(), set[int](), set[int]()
    for number, one in enumerate(operators):
        given = [found.tensor(index) for index in one.given]
        left = [index for index in given if index not in dead]
        if (
            without_weights.get(number, False)
            or (given and not left)
            or (one.kind == "MUL" and len(left) < len(given))
        ):
            found.gone.add(number)
            dead.add(one.output)
        elif len(left) < len(given):
            _end(found, number, one, left, positive)
        elif one.kind in _NOT_NEGATIVE or one.activation in _NOT_NEGATIVE:
            positive.add(one.output)
        elif one.kind in _KEEP_THE_SIGN and given and given[0] in positive:
            positive.add(one.output)
    return found


def _end(found: Removal, number: int, one: Read, left: list[int], positive: set[int]) -> None:
    """The sum at the end of a removed branch."""
    if one.kind != "ADD" or len(left) != 1:
        msg = f"operator {one.kind} of {one.layer!r}: a removed branch ends in it"
        raise SlicingError(msg)
    found.gone.add(number)
    if one.activation == "NONE" or (one.activation == "RELU" and left[0] in positive):
        found.stands_for[one.output] = left[0]
        return
    found.activations[number] = left[0]
    if one.activation in _NOT_NEGATIVE:
        positive.add(one.output)
