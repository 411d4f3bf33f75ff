"""What models take and give back, of any form, as named tensors."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn

from edgeprune.errors import FormError
from edgeprune.tensors import call, flattened_inputs, flattened_outputs, map_inputs, rebuilt_outputs


@dataclass
class Found:
    """Outputs by name."""

    boxes: list[Tensor]
    scores: Tensor | None = None


class Pair(NamedTuple):
    """Outputs by name and position."""

    mean: Tensor
    spread: Tensor


def tensors(count: int) -> list[Tensor]:
    return [torch.full((2,), float(number)) for number in range(count)]


A, B, C = tensors(3)
FORMS: dict[str, tuple[Any, list[str]]] = {
    "one tensor": (A, ["output"]),
    "tuple": ((A, B), ["output.0", "output.1"]),
    "list in a tuple": ((A, [B, C]), ["output.0", "output.1.0", "output.1.1"]),
    "dict": ({"out": A, "aux": B}, ["out", "aux"]),
    "dict of lists": ({"boxes": [A, B], "scores": C}, ["boxes.0", "boxes.1", "scores"]),
    "dataclass": (Found([A, B], C), ["boxes.0", "boxes.1", "scores"]),
    "dataclass with None": (Found([A]), ["boxes.0"]),
    "named tuple": (Pair(A, B), ["mean", "spread"]),
    "keys that meet": ({"a": {"b": A}, "a.b": B}, ["a.b", "a.b_"]),
}


@pytest.mark.parametrize("form", FORMS)
def test_outputs_are_flattened_with_names_and_rebuilt(form: str) -> None:
    outputs, names = FORMS[form]
    found = flattened_outputs(outputs)
    assert list(found) == names
    assert [int(one[0]) for one in found.values()] == list(range(len(names)))

    others = [one + 10 for one in found.values()]
    again = rebuilt_outputs(outputs, others)
    assert type(again) is type(outputs)
    assert all(map(torch.equal, flattened_outputs(again).values(), others))
    with pytest.raises(FormError, match=rf"{len(names) + 1} tensors .* hold {len(names)}"):
        rebuilt_outputs(outputs, [*others, A])


def holding_itself() -> list[Any]:
    outer: list[Any] = []
    outer.append(outer)
    return outer


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        ({"boxes": [A, "cat"]}, r"outputs\['boxes'\]\[1\] is str 'cat'; allowed: tensors, or"),
        (Found([A], 3), r"outputs\.scores is int 3"),  # type: ignore[arg-type]
        (None, "outputs is None"),
        ((), "outputs is an empty tuple without a tensor"),
        (Found, "outputs is type"),
        (holding_itself(), r"outputs\[0\]\[0\].* is list"),
    ],
)
def test_what_is_no_tensor_is_named_by_its_path(outputs: object, message: str) -> None:
    with pytest.raises(FormError, match=message):
        flattened_outputs(outputs)


class Both(nn.Module):
    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        return left - right


def test_inputs_of_every_form_reach_the_model() -> None:
    assert list(flattened_inputs(A)) == ["input"] == list(flattened_inputs([A]))
    assert list(flattened_inputs((A, B))) == ["input.0", "input.1"]
    assert list(flattened_inputs({"right": A, "left": B})) == ["right", "left"]
    doubled = map_inputs((C, A), lambda one: 2 * one)
    assert torch.equal(call(Both(), doubled), 2 * C)
    assert torch.equal(call(Both(), {"right": C, "left": A}), -C)


@pytest.mark.parametrize("inputs", [None, [], 3, [A, 3], {"left": A, "right": "x"}])
def test_inputs_that_are_no_tensors_are_refused(inputs: object) -> None:
    with pytest.raises(FormError, match=r"the inputs are .*allowed: one tensor, a list"):
        flattened_inputs(inputs)
