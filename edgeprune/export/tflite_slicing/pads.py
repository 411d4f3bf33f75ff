"""Channels that a network adds by a number in its code: which PAD of a file is which of its nodes.

Shortcuts that grow pad their channels with zeros. How many they add follows the cut, by numbers
that a candidate's ONNX file holds; both files have these operators in the same order.
"""

from collections.abc import Mapping

from edgeprune.errors import SlicingError
from edgeprune.export.tflite_slicing.numbers import Network


def channel_pads(network: Network) -> dict[str, tuple[int, int]]:
    """Channels before and after that each node adds, by its output; also those that add none."""
    found = {}
    for node in network.nodes:
        if node.op_type != "Pad" or len(node.input) < 2 or node.input[1] not in network.arrays:
            continue
        pads = network.arrays[node.input[1]].ravel()
        rank = pads.size // 2
        if rank > 1:
            found[node.output[0]] = (int(pads[1]), int(pads[rank + 1]))
    return found


def paired_pads(network: Network, padded: Mapping[int, tuple[int, int]]) -> dict[int, str]:
    """The output of the network's node for every operator that adds channels.

    Args:
        network: uncut.
        padded: channels that the file's operators add, by their number, in order.

    Raises:
        SlicingError: they are not the same ones.
    """
    nodes = [(name, pads) for name, pads in channel_pads(network).items() if any(pads)]
    if [pads for _, pads in nodes] != list(padded.values()):
        msg = (
            f"operator PAD: the file adds channels {list(padded.values())}, the network "
            f"{[pads for _, pads in nodes]}"
        )
        raise SlicingError(msg)
    return {number: name for number, (name, _) in zip(padded, nodes, strict=True)}
