"""Which layers of a TFLite file int8 hurts most."""

from edgeprune.quantization.images import CalibrationImages
from edgeprune.quantization.sensitivity import decibels
from edgeprune.quantization.tflite_graph import WEIGHTED, read_tflite
from edgeprune.quantization.tflite_running import TfliteFile

#: Images that are enough to order layers.
_IMAGES = 32


def tflite_layer_noise(
    content: bytes, quantized: bytes, images: CalibrationImages
) -> dict[str, float]:
    """Signal to noise of every layer's output in the int8 file, as against the float file.

    Args:
        content: the float32 TFLite file.
        quantized: the int8 file made from it.
        images: what both are run on.

    Returns:
        Decibels by layer, the noisiest first; only layers with weights.
    """
    known = {one.name for node in read_tflite(quantized).operators for one in node.outputs}
    written = {
        node.layer: node.outputs[0].name
        for node in read_tflite(content).operators
        if node.kind in WEIGHTED and node.outputs[0].name in known
    }
    names, sides = list(written.values()), []
    batch = next(images.batches())[:_IMAGES]
    for one in (content, quantized):
        sides.append(list(TfliteFile(one, inside=True).tensors(batch, names)))
    found: dict[str, float] = {}
    for index, layer in enumerate(written):
        exact, noisy = ([run[index] for run in side] for side in sides)
        found[layer] = decibels(exact, noisy)
    return dict(sorted(found.items(), key=lambda pair: pair[1]))
