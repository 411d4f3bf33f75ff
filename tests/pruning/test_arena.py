"""Memory of activations as it is predicted, beside what ONNX Runtime's own allocator tells."""

import math
from collections.abc import Iterator
from functools import cache

import numpy as np
import pytest
import torch

from edgeprune.config import ModelConfig
from edgeprune.devices import open_device
from edgeprune.devices.meters import Meter
from edgeprune.latency import random_widths
from edgeprune.pruning import ChannelSpace
from edgeprune.pruning.arena import Layout
from edgeprune.workloads import build_model
from tests.devices.targets import local

#: What ONNX Runtime does on x86, where blocks have as many channels as a vector has numbers.
_LAYOUTS = [Layout(True, block, 4, 16384.0) for block in (8, 16)]


@pytest.fixture(scope="module")
def device() -> Iterator[Meter]:
    with open_device(local()) as opened:
        assert isinstance(opened, Meter)
        yield opened


@cache
def _space(name: str, size: int) -> ChannelSpace:
    torch.manual_seed(0)
    model = build_model(ModelConfig(name=name))
    return ChannelSpace.from_model(model, torch.randn(1, 3, size, size), check=False)


def _file(space: ChannelSpace, widths: dict[str, int]) -> bytes:
    return space.template.candidate(space.slice_state(space.plan(widths)))


def _plans(space: ChannelSpace, count: int) -> list[dict[str, int]]:
    generator = np.random.default_rng(5)
    branches = [one.groups for one in space.branches]
    drawn = [random_widths(space.choices, generator, branches) for _ in range(count)]
    return [space.full, *drawn]


@pytest.mark.parametrize(
    ("name", "size"), [("resnet20", 32), ("mobilenet_v2", 64), ("resnet18", 64)]
)
def test_memory_is_what_the_runtime_allocates(device: Meter, name: str, size: int) -> None:
    space = _space(name, size)
    plans = _plans(space, 2)
    measured = np.array([device.peak_memory(_file(space, widths)) for widths in plans])
    errors = []
    for layout in _LAYOUTS:
        counted = np.array([4 * space.activation_elements(widths, layout) for widths in plans])
        errors.append(np.abs(counted / measured - 1).max())
    assert min(errors) < 0.02


def test_a_removed_branch_takes_no_memory_of_its_own(device: Meter) -> None:
    space = _space("resnet20", 32)
    gone = {**space.full, **{group: 0 for one in space.branches for group in one.groups}}
    whole, less = (device.peak_memory(_file(space, widths)) for widths in (space.full, gone))
    assert less < whole
    counted = [4 * space.activation_elements(widths) for widths in (space.full, gone)]
    assert counted[1] < counted[0]


def test_what_is_measured_does_not_depend_on_what_was_measured_before(device: Meter) -> None:
    large, small = (_file(_space(*one), _space(*one).full) for one in (_LARGE, _SMALL))
    first = device.peak_memory(small)
    assert device.peak_memory(large) > first
    assert device.peak_memory(small) == first


_LARGE, _SMALL = ("mobilenet_v2", 64), ("resnet20", 32)


def test_all_rows_of_the_matrices_count_where_they_are_made_at_once() -> None:
    space = _space("resnet20", 32)
    plain = space.activation_elements(space.full, Layout(False))
    rows = space.activation_elements(space.full, Layout(False, scratch=math.inf))
    # The 3x3 convolutions of 16 channels at 32 x 32 need nine times their input.
    assert rows >= plain + 0.9 * 9 * 16 * 32 * 32
