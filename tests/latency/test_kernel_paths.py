"""Which code a runtime takes is learned from times: here from those of made-up runtimes."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pytest

from edgeprune.latency import Kernel
from edgeprune.latency.alignment import Alignment
from edgeprune.latency.features import Shapes
from edgeprune.latency.kernel_model import KernelModel, times_of

Time = Callable[[int, int], float]


def _conv(read: int, written: int) -> Kernel:
    return Kernel("conv", read, written, 1, (3, 3), 1, (16, 16), (16, 16))


def _depthwise(channels: int) -> Kernel:
    return Kernel("depthwise", channels, channels, channels, (3, 3), 1, (28, 28), (28, 28))


def _int8_on_x86(read: int, written: int) -> float:
    """As ONNX Runtime's: see `edgeprune.latency.alignment`."""
    fast = read % 4 == 0 and written % 4 == 0 and written >= 16
    return 3 + 0.01 * read * -(-written // 16) * 16 if fast else 20 + 0.02 * read * written


def _float_on_x86(read: int, written: int) -> float:
    work = 0.02 * read * -(-written // 16) * 16
    return 3 + work if read % 4 == 0 else 9 + 2 * work


def _times(time: Time, count: int = 200) -> Mapping[Kernel, Sequence[float]]:
    generator = np.random.default_rng(0)
    found: dict[Kernel, list[float]] = {}
    for number in range(count):
        multiple = 4 if number % 3 == 0 else 1
        read, written = (multiple * generator.integers(1, 65 // multiple, 2)).tolist()
        noise = 1 + 0.02 * generator.standard_normal()
        found.setdefault(_conv(read, written), []).append(time(read, written) * noise)
    return found


def _alignment(time: Time) -> Alignment:
    return KernelModel(_times(time)).alignments["conv"]


def test_code_that_needs_both_sides_and_enough_output_is_found() -> None:
    assert _alignment(_int8_on_x86) == Alignment(4, both=True, fewest_written=16)


def test_code_that_looks_at_the_input_alone_is_found() -> None:
    assert _alignment(_float_on_x86) == Alignment(4)


def test_a_runtime_with_one_code_is_given_no_paths() -> None:
    assert _alignment(lambda read, written: 3 + 0.01 * read * written) == Alignment()


@pytest.mark.parametrize("time", [_int8_on_x86, _float_on_x86])
def test_kernels_that_were_never_seen_are_foretold(time: Time) -> None:
    model = KernelModel(_times(time))
    shapes = Shapes.of([_conv(read, written) for read in (12, 31, 64) for written in (8, 20, 64)])
    found = times_of(shapes, model.paths(shapes), model.weights(shapes))
    real = [time(int(r), int(w)) for r, w in zip(shapes.read, shapes.written, strict=True)]
    assert np.abs(found / real - 1).max() < 0.1


def test_channels_that_are_left_over_cost_more_than_those_taken_together() -> None:
    """ONNX Runtime's int8 depthwise layers: 24 channels are quicker than 20."""

    def time(channels: int) -> float:
        return 8 + 0.5 * channels + (0 if channels % 16 == 0 else 10 + 4.5 * (channels % 8))

    kernels = [_depthwise(channels) for channels in range(8, 97) if channels % 5]
    model = KernelModel({one: [time(one.read)] for one in kernels})
    shapes = Shapes.of([_depthwise(channels) for channels in (20, 40, 55, 70, 80, 95)])
    found = times_of(shapes, model.paths(shapes), model.weights(shapes))
    assert np.abs(found / [time(int(one)) for one in shapes.read] - 1).max() < 0.08
