"""What a search is told about each free group: the static part of AMC's state."""

import math
from collections.abc import Sequence

import numpy as np

from edgeprune.pruning.costs import Floats
from edgeprune.pruning.flow import Layer
from edgeprune.pruning.groups import ChannelGroup
from edgeprune.pruning.labels import Ids

#: Columns of the feature table, as they are, not scaled. The paper's state has the same (He et
#: al., ECCV'18, sec. 3.2); what depends on earlier actions is the search's to add.
#:
#: index: position among the free groups, in the order of execution; kind: 0 convolution, 1
#: depthwise or grouped convolution, 2 linear layer; c_in, c_out, stride, kernel, h, w: of the
#: group's first layer, h and w of its output; weights: of all layers the group cuts; macs: of all
#: layers the group cuts; layers: how many those are; unit: channels that go together.
NAMES = (
    *("index", "kind", "c_in", "c_out", "stride", "kernel", "h", "w"),
    *("weights", "macs", "layers", "unit"),
)


def feature_table(
    groups: Sequence[ChannelGroup], layers: Sequence[Layer], macs: Floats, weights: Floats
) -> Floats:
    """Features of every group.

    Args:
        groups: the free groups.
        layers: all layers of the model.
        macs: of each layer at full width.
        weights: of each layer at full width.

    Returns:
        float64 (groups, columns), columns as in `NAMES`.
    """
    by_name = {layer.name: layer for layer in reversed(layers)}
    rows = []
    for index, group in enumerate(groups):
        first = by_name[group.name.partition("#")[0]]
        touched = [row for row, layer in enumerate(layers) if layer.name in group.layers]
        kind = 2 if first.op in ("Gemm", "MatMul") else int(first.groups > 1)
        rows.append(
            [
                *(index, kind, _size(first.inputs), _size(first.outputs)),
                *(first.stride, math.sqrt(math.prod(first.kernel)), *first.out_size),
                *(weights[touched].sum(), macs[touched].sum(), len(touched), group.unit),
            ]
        )
    return np.array(rows, np.float64).reshape(len(rows), len(NAMES))


def _size(channels: Ids | int) -> int:
    return channels if isinstance(channels, int) else channels.size
