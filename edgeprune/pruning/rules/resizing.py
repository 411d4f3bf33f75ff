"""Images made larger or smaller, by factors or to sizes."""

from edgeprune.pruning.flow import Flow, rule
from edgeprune.pruning.graph import Node


@rule("Resize", "Upsample")
def resize(flow: Flow, node: Node) -> None:
    """Channels pass where the image alone is resized.

    torch resizes images only, and takes the number of channels from what it is given: the sizes
    an ONNX file asks for are computed in it, and follow the cut by themselves.
    """
    value = flow.value(node.inputs[0])
    if flow.shape_of(node)[:2] != value.shape[:2]:
        flow.fix_all(node, f"channels that are resized like pixels: {node.where}")
        return
    if node.has_input(3):
        asked = flow.value(node.inputs[3]).ints
        if asked is None or not asked.sources[1]:
            flow.fix_all(node, f"a number of channels that cannot be followed: {node.where}")
            return
    flow.fix(value, f"an axis of the image: {node.where}", but=1)
    flow.put(node, (None, value.axes[1], *[None] * (len(value.shape) - 2)))
