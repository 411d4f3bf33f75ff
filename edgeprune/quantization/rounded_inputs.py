"""Where quantisation-aware training rounds: at the inputs and weights of layers, as the file does.

torchao's own quantizers describe other runtimes' fused kernels, and the one for x86 fails on
ResNet-18's first convolution (torchao 0.18).
"""

import torch
from torch import nn
from torch.fx import GraphModule, Node
from torchao.quantization.pt2e import (
    FusedMovingAvgObsFakeQuantize,
    MovingAverageMinMaxObserver,
    MovingAveragePerChannelMinMaxObserver,
    allow_exported_model_train_eval,
)
from torchao.quantization.pt2e.quantize_pt2e import prepare_qat_pt2e
from torchao.quantization.pt2e.quantizer import (
    QuantizationAnnotation,
    QuantizationSpec,
    Quantizer,
)

_ATEN = torch.ops.aten
_LAYERS = {_ATEN.conv2d.default, _ATEN.linear.default}
_SUMS = {_ATEN.add.Tensor, _ATEN.add_.Tensor}

_ACTIVATION = QuantizationSpec(
    dtype=torch.uint8,
    quant_min=0,
    quant_max=255,
    qscheme=torch.per_tensor_affine,
    observer_or_fake_quant_ctr=FusedMovingAvgObsFakeQuantize.with_args(
        observer=MovingAverageMinMaxObserver
    ),
)
_WEIGHT = QuantizationSpec(
    dtype=torch.int8,
    quant_min=-127,
    quant_max=127,
    qscheme=torch.per_channel_symmetric,
    ch_axis=0,
    observer_or_fake_quant_ctr=FusedMovingAvgObsFakeQuantize.with_args(
        observer=MovingAveragePerChannelMinMaxObserver
    ),
)


def round_inputs(graph: nn.Module) -> nn.Module:
    """Put simulated rounding into an exported graph; ``train()`` and ``eval()`` work on it."""
    prepared: nn.Module = prepare_qat_pt2e(graph, RoundedInputs())
    allow_exported_model_train_eval(prepared)
    return prepared


class RoundedInputs(Quantizer):  # type: ignore[misc]
    """Rounds what convolutions, linear layers and sums read, and the layers' weights."""

    def annotate(self, model: GraphModule) -> GraphModule:
        """Mark the nodes (torchao's interface)."""
        for node in model.graph.nodes:
            if node.target in _LAYERS:
                source, weight = node.args[:2]
                _mark(node, {source: _ACTIVATION, weight: _WEIGHT})
            elif node.target in _SUMS and all(isinstance(each, Node) for each in node.args[:2]):
                _mark(node, dict.fromkeys(node.args[:2], _ACTIVATION))
        return model

    def validate(self, model: GraphModule) -> None:
        """Nothing to hold against it (torchao's interface)."""


def _mark(node: Node, inputs: dict[Node, QuantizationSpec]) -> None:
    node.meta["quantization_annotation"] = QuantizationAnnotation(
        input_qspec_map=inputs, _annotated=True
    )
