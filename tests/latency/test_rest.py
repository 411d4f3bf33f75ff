"""What a net spends beside its layers."""

import numpy as np

from edgeprune.latency import KernelTable, NetModel, PrunableNet, random_widths
from tests.latency.space import net_of, space_of


def _error(net: PrunableNet) -> float:
    """Largest relative error where only what the second layer writes takes time."""
    space, generator = space_of("resnet20"), np.random.default_rng(0)
    table, times = KernelTable(), []
    drawn = [random_widths(space.choices, generator) for _ in range(60)]
    for widths in drawn[:40]:
        kernels = net.kernels(widths)
        table.add(net.signature, kernels, [1e-6] * len(kernels), 0.01 + 1e-3 * kernels[1].written)
    model = NetModel(net, table)
    for widths in drawn[40:]:
        found = float(model.parts(widths).ms[-1])
        times.append(found / (0.01 + 1e-3 * net.kernels(widths)[1].written))
    return max(abs(one - 1) for one in times)


def test_what_hangs_on_one_layer_is_found_layer_by_layer() -> None:
    space = space_of("resnet20")
    fused = net_of(space)
    names = {node: node for node in fused.nodes}
    by_operator = PrunableNet(space.template.base, space.layer_costs, space.full, names)
    assert _error(by_operator) < 0.02
    assert _error(fused) > 0.3
