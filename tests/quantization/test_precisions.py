"""Lower precisions of a small network: what they compute, and what they are made from."""

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn

from edgeprune import processor
from edgeprune.config import CalibrationConfig, load_calibration
from edgeprune.config.profiles import shipped_profiles
from edgeprune.errors import ConfigError, WorkloadError
from edgeprune.export import lint_onnx
from edgeprune.pruning import ChannelSpace
from edgeprune.quantization import (
    CalibrationImages,
    for_processor,
    layer_noise,
    to_float16,
    to_int8,
)
from tests.evaluation.nets import all_images, noise_split
from tests.models import tiny_cnn


@pytest.fixture(scope="module")
def content() -> bytes:
    torch.manual_seed(0)
    model = tiny_cnn().eval()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    return ChannelSpace.from_model(model, all_images(noise_split(8))[:1]).template.base


def images(count: int = 64, **recipe: object) -> CalibrationImages:
    settings = {"name": "test", "images": count, "batch_size": 16} | recipe
    return CalibrationImages(noise_split(128), CalibrationConfig(**settings))


def outputs(content: bytes) -> np.ndarray:
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    inputs = all_images(noise_split(32)).numpy()
    return session.run(None, {session.get_inputs()[0].name: inputs})[0]


@pytest.mark.parametrize("method", ["minmax", "entropy", "percentile"])
def test_int8_is_near_and_smaller(content: bytes, method: str) -> None:
    quantized = to_int8(content, images(method=method, percentile=99.9))
    exact = outputs(content)
    assert np.abs(outputs(quantized) - exact).max() < 0.2 * np.abs(exact).max()
    assert not lint_onnx(quantized).float_layers
    kinds = {tensor.data_type for tensor in onnx.load_from_string(quantized).graph.initializer}
    assert onnx.TensorProto.INT8 in kinds


def test_float16_halves_the_weights(content: bytes) -> None:
    half = to_float16(content)
    exact = outputs(content)
    assert np.abs(outputs(half) - exact).max() < 0.01 * np.abs(exact).max()
    assert outputs(half).dtype == np.float32
    onnx.checker.check_model(onnx.load_from_string(half), full_check=True)


def test_layers_can_stay_in_float(content: bytes) -> None:
    noise = layer_noise(content, to_int8(content, images()), images())
    assert list(noise.values()) == sorted(noise.values()) and min(noise.values()) > 10
    worst = next(iter(noise))
    assert lint_onnx(to_int8(content, images(), [worst])).float_layers == (worst,)
    by_kind = lint_onnx(to_int8(content, images(keep_float=("Gemm",)))).float_layers
    assert len(by_kind) == 1


@pytest.mark.parametrize(
    ("facts", "kind", "largest"),
    [
        ({"machine": "aarch64"}, np.int8, 127),
        ({"machine": "x86_64", "vnni": False}, np.uint8, 64),
        ({"machine": "x86_64", "vnni": True}, np.uint8, 127),
    ],
)
def test_a_file_is_as_the_processor_takes_it(
    content: bytes,
    facts: dict[str, object],
    kind: type,
    largest: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(processor, "_has_vnni", lambda: True)  # here, where files are scored
    made = CalibrationImages(noise_split(128), for_processor(images().recipe, facts))
    quantized = to_int8(content, made)
    tensors = {
        tensor.name: onnx.numpy_helper.to_array(tensor)
        for tensor in onnx.load_from_string(quantized).graph.initializer
    }
    weights = [value for name, value in tensors.items() if name.endswith("weight_quantized")]
    assert weights and max(int(np.abs(one).max()) for one in weights) <= largest
    assert largest == 64 or max(int(np.abs(one).max()) for one in weights) > 64
    zero = next(value for name, value in tensors.items() if name == "input_zero_point")
    assert zero.dtype == kind
    exact = outputs(content)
    assert np.abs(outputs(quantized) - exact).max() < 0.2 * np.abs(exact).max()


def test_what_a_recipe_says_wins() -> None:
    recipe = images(activations="signed", weight_bits=7).recipe
    assert for_processor(recipe, {"machine": "x86_64", "vnni": True}) == recipe


class Counted(CalibrationImages):
    """Says how many batches were alive at once."""

    alive = most = 0

    def batches(self):  # type: ignore[no-untyped-def]
        for batch in super().batches():
            held = batch.copy()
            type(self).alive += 1
            type(self).most = max(self.most, self.alive)
            weakref_finalize(held, self._gone)
            yield held
            del held

    @classmethod
    def _gone(cls) -> None:
        cls.alive -= 1


def weakref_finalize(array: np.ndarray, call: object) -> None:
    import weakref

    weakref.finalize(array, call)  # type: ignore[call-overload]


@pytest.mark.parametrize("method", ["minmax", "percentile"])
def test_calibration_streams(content: bytes, method: str) -> None:
    Counted.alive = Counted.most = 0
    to_int8(content, Counted(noise_split(128), images(method=method, batch_size=8).recipe))
    assert 1 <= Counted.most <= 3


def test_equal_recipes_have_equal_digests() -> None:
    assert images().digest() == images().digest()
    assert len({images(seed=seed).digest() for seed in range(3)}) == 3
    assert images().digest() != images(method="entropy").digest()


def test_one_image_is_not_enough() -> None:
    with pytest.raises(WorkloadError, match=r"needs at least 2 images; .* has 1"):
        CalibrationImages(noise_split(4).subset(1, 0), CalibrationConfig(name="test"))


@pytest.mark.parametrize("path", shipped_profiles("calibration").values(), ids=lambda one: one.stem)
def test_every_shipped_recipe_loads_under_its_name(path) -> None:  # type: ignore[no-untyped-def]
    assert load_calibration(path.stem).name == path.stem


def test_an_unknown_recipe_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"unknown calibration recipe 'defalt'.*mean 'default'"):
        load_calibration("defalt")
