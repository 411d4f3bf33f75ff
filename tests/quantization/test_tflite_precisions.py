"""TFLite files of lower precision, made from one that is written by the format's own schema."""

import re

import numpy as np
import pytest

pytest.importorskip("ai_edge_quantizer", reason="the extra `tflite` is not installed")

from edgeprune.config import CalibrationConfig
from edgeprune.devices.known_tflite import small_tflite_net
from edgeprune.errors import ConfigError, VerificationError, WorkloadError
from edgeprune.export.tflite_lint import lint_tflite
from edgeprune.quantization import CalibrationImages
from edgeprune.quantization.tflite_graph import read_tflite
from edgeprune.quantization.tflite_noise import tflite_layer_noise
from edgeprune.quantization.tflite_precisions import to_tflite_float16, to_tflite_int8
from edgeprune.quantization.tflite_running import TfliteFile
from tests.evaluation.nets import all_images, noise_split

NET = small_tflite_net(8)


def images(count: int = 32, **recipe: object) -> CalibrationImages:
    settings = {"name": "test", "images": count, "batch_size": 16} | recipe
    return CalibrationImages(noise_split(64, 32), CalibrationConfig(**settings), (3, 32, 32))


def outputs(content: bytes) -> np.ndarray:
    (found,) = TfliteFile(content)(all_images(noise_split(16, 32)).numpy())
    return found


@pytest.fixture(scope="module")
def quantized() -> bytes:
    return to_tflite_int8(NET, images())


def test_int8_is_integer_from_end_to_end_and_near(quantized: bytes) -> None:
    exact, found = outputs(NET), outputs(quantized)
    assert np.abs(found - exact).max() < 0.1 * np.abs(exact).max()
    assert len(quantized) < len(NET)
    graph = read_tflite(quantized)
    assert graph.inputs[0].kind == graph.outputs[0].kind == "INT8"
    assert lint_tflite(quantized).float_layers == ()


def test_float16_weights_take_half_the_room() -> None:
    content = to_tflite_float16(small_tflite_net(64))
    assert len(content) < 0.6 * len(small_tflite_net(64))
    exact = outputs(small_tflite_net(64))
    assert 0 < np.abs(outputs(content) - exact).max() < 0.01 * np.abs(exact).max()
    assert lint_tflite(content).casts == 0  # weights are widened once, when the file is loaded


def test_what_is_kept_in_float_is_named() -> None:
    one = lint_tflite(to_tflite_int8(NET, images(), ["conv1.weight"]))
    assert one.float_layers == ("CONV_2D conv1.weight",) and one.casts == 2
    by_kind = lint_tflite(to_tflite_int8(NET, images(keep_float=("Gemm",))))
    assert by_kind.float_layers == ("FULLY_CONNECTED linear.weight",)
    by_glob = lint_tflite(to_tflite_int8(NET, images(keep_float=("conv*",))))
    assert len(by_glob.float_layers) == 3
    assert "in float inside an int8 file: CONV_2D conv0.weight" in by_glob.warnings()[0]


def test_noise_is_told_by_layer_and_is_gone_where_the_layer_stays_float(quantized: bytes) -> None:
    noise = tflite_layer_noise(NET, quantized, images())
    assert set(noise) == {"conv0.weight", "conv1.weight", "conv2.weight", "linear.weight"}
    assert list(noise.values()) == sorted(noise.values()) and min(noise.values()) > 5
    whole = to_tflite_int8(NET, images(), list(noise))
    assert min(tflite_layer_noise(NET, whole, images()).values()) > max(noise.values())


def test_the_same_images_give_the_same_bytes(quantized: bytes) -> None:
    assert to_tflite_int8(NET, images()) == quantized
    assert to_tflite_int8(NET, images(seed=1)) != quantized


def test_calibration_that_cannot_be_used_is_told() -> None:
    with pytest.raises(ConfigError, match=r"'entropy', which ai-edge-quantizer does not have"):
        to_tflite_int8(NET, images(method="entropy"))
    with pytest.raises(WorkloadError, match=r"at least 2 images; .* has 1"):
        CalibrationImages(noise_split(1), CalibrationConfig(name="test"))
    other = CalibrationImages(noise_split(8, 32), CalibrationConfig(name="test"), (3, 28, 28))
    with pytest.raises(WorkloadError, match="is 3x32x32; the model takes 3x28x28"):
        to_tflite_int8(NET, other)


@pytest.mark.parametrize("share", [0.0, 0.001, 0.01, 0.1, 0.3, 0.5, 0.7, 0.9, 0.97, 0.999])
def test_half_a_file_is_told_and_never_run(quantized: bytes, share: float) -> None:
    for content in (NET, quantized):
        with pytest.raises(VerificationError, match=r"not a (whole )?TFLite file"):
            TfliteFile(content[: int(len(content) * share)])


def test_images_of_another_size_are_told() -> None:
    with pytest.raises(VerificationError, match=re.escape("takes (1, 32, 32, 3)")):
        TfliteFile(NET)(np.zeros((1, 3, 16, 16), np.float32))
