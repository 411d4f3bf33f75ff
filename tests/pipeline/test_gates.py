"""What speaks against an artifact."""

import pytest

from edgeprune.config import ExportConfig
from edgeprune.devices import Comparison, Measurement
from edgeprune.export import Verification
from edgeprune.pipeline.gates import (
    accuracy_reasons,
    is_chance,
    latency_reasons,
    transpose_reasons,
)

LENIENT = ExportConfig(accuracy_drop=100.0)


def found(accuracy: float, difference: float = 0.5) -> Verification:
    return Verification(accuracy, 1000, difference, difference / 10, 20.0, accuracy)


def compared(candidate: float, baseline: float) -> Comparison:
    return Comparison(*(Measurement((ms,) * 20, 1.0, {}) for ms in (candidate, baseline)))


def test_a_small_loss_is_allowed_and_a_larger_one_is_not() -> None:
    assert accuracy_reasons(found(0.895), "int8", 0.9, 0.1, ExportConfig()) == []
    (reason,) = accuracy_reasons(found(0.88), "int8", 0.9, 0.1, ExportConfig())
    assert reason == "loses 2.00 points to float32; allowed: 1"


def test_chance_is_no_accuracy_whatever_may_be_lost() -> None:
    (reason,) = accuracy_reasons(found(0.11), "int8", 0.9, 0.1, LENIENT)
    assert reason == "its accuracy, 11.00%, is that of chance (10.00%)"
    assert accuracy_reasons(found(0.14), "int8", 0.9, 0.1, LENIENT) == []
    assert accuracy_reasons(found(0.11), "int8", 0.1, 0.1, LENIENT) == []  # it was there before


@pytest.mark.parametrize(("images", "chance"), [(100, True), (10_000, False)])
def test_more_images_tell_a_weak_model_from_chance(images: int, chance: bool) -> None:
    assert is_chance(0.12, images, 0.1) is chance


def test_float32_has_to_compute_what_torch_computes() -> None:
    assert accuracy_reasons(found(0.9, 0.01), "float32", 0.9, 0.1, ExportConfig()) == []
    (reason,) = accuracy_reasons(found(0.9, 0.03), "float32", 0.9, 0.1, ExportConfig())
    assert "does not compute what torch computes: outputs differ by up to 0.03" in reason
    assert accuracy_reasons(found(0.9, 0.03), "float16", 0.9, 0.1, ExportConfig()) == []


def test_only_what_is_surely_faster_passes() -> None:
    assert latency_reasons(compared(0.9, 1.0)) == []
    (reason,) = latency_reasons(compared(1.0, 1.0))
    assert reason.startswith("is not surely faster than float32: 1.000x")


def test_transposes_are_counted_where_a_limit_is_set() -> None:
    assert transpose_reasons(9, ExportConfig()) == []
    assert transpose_reasons(1, ExportConfig(max_transposes=1)) == []
    (reason,) = transpose_reasons(2, ExportConfig(max_transposes=1))
    assert reason == "has 2 Transpose nodes; allowed: 1"
