"""A residual network, and what a converter makes of it, written by hand with the same weights."""

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from ai_edge_litert import schema_py_generated as schema
from torch import nn

from edgeprune.devices.known_tflite import TfliteWriter
from edgeprune.workloads.models.cifar_resnet import PaddedShortcut


class Block(nn.Module):
    """A residual block with a padded shortcut, or none."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.stride = 1 if inputs == outputs else 2
        self.conv1 = nn.Conv2d(inputs, outputs, 3, self.stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Sequential()
        if inputs != outputs:
            self.shortcut = nn.Sequential(PaddedShortcut(inputs, outputs))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """(N, C, H, W) to (N, C', H', W')."""
        residual = F.relu(self.bn1(self.conv1(features)))
        residual = self.bn2(self.conv2(residual))
        return F.relu(residual + self.shortcut(features))


class Net(nn.Module):
    """A stem, a depthwise pair, three blocks and a head."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.depthwise = nn.Conv2d(8, 8, 3, padding=1, groups=8, bias=False)
        self.bn = nn.BatchNorm2d(8)
        self.blocks = nn.Sequential(Block(8, 8), Block(8, 16), Block(16, 16))
        self.head = nn.Linear(16, 10)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(N, 3, H, W) to (N, 10)."""
        features = F.relu(self.stem(images))
        features = F.relu6(self.bn(self.depthwise(features)))
        features = self.blocks(features)
        logits: torch.Tensor = self.head(features.mean((2, 3)))
        return logits


def converted(net: Net, side: int = 12) -> bytes:
    """The network as a TFLite file: channels last, batch norms folded, activations fused.

    Args:
        net: in eval mode.
        side: height and width of its images.
    """
    file = TfliteWriter(schema)
    writer = _Converter(file)
    source = last = file.tensor("input", (1, side, side, 3))
    last = writer.convolution(net.stem, None, last, (side, side), "RELU")
    last = writer.convolution(net.depthwise, net.bn, last, (side, side), "RELU6")
    for block in net.blocks:
        assert isinstance(block, Block)
        before, side = last, side // block.stride
        last = writer.convolution(block.conv1, block.bn1, last, (side, side), "RELU")
        last = writer.convolution(block.conv2, block.bn2, last, (side, side), "NONE")
        if block.stride == 2:
            before = writer.padded_shortcut(before, side)
        last = writer.added(last, before)
    last = writer.pooled(last)
    weight = file.tensor("head.weight", (10, 16), net.head.weight.detach().numpy())
    bias = file.tensor("head.bias", (10,), net.head.bias.detach().numpy())
    output = file.tensor("output", (1, 10))
    options = schema.FullyConnectedOptionsT()
    inputs = [last, weight, bias]
    file.operator("FULLY_CONNECTED", inputs, output, options, "FullyConnectedOptions")
    return file.file(source, output)


class _Converter:
    def __init__(self, file: TfliteWriter) -> None:
        self.file, self.count = file, 0
        self.zeros: dict[int, int] = {}

    def name(self, word: str) -> str:
        self.count += 1
        return f"{word}{self.count}"

    def shape(self, index: int) -> tuple[int, ...]:
        return tuple(self.file.graph.tensors[index].shape)

    def convolution(
        self,
        conv: nn.Conv2d,
        norm: nn.BatchNorm2d | None,
        last: int,
        size: tuple[int, int],
        activation: str,
    ) -> int:
        weight, bias = conv.weight.detach(), conv.bias
        shift = torch.zeros(len(weight)) if bias is None else bias.detach()
        if norm is not None:
            scale = norm.weight.detach() / (norm.running_var + norm.eps).sqrt()
            weight = weight * scale[:, None, None, None]
            shift = norm.bias.detach() + (shift - norm.running_mean) * scale
        depthwise = conv.groups > 1
        options: Any = schema.DepthwiseConv2DOptionsT() if depthwise else schema.Conv2DOptionsT()
        if depthwise:
            options.depthMultiplier = 1
        order = (1, 2, 3, 0) if depthwise else (0, 2, 3, 1)
        placed = weight.permute(order)
        options.padding, options.strideH, options.strideW = schema.Padding.SAME, 1, 1
        options.dilationHFactor = options.dilationWFactor = 1
        options.fusedActivationFunction = getattr(schema.ActivationFunctionType, activation)
        if conv.stride[0] == 2:
            last = self.padded(last, [[0, 0], [1, 1], [1, 1], [0, 0]])
            options.padding, options.strideH, options.strideW = schema.Padding.VALID, 2, 2
        kind = "DEPTHWISE_CONV_2D" if depthwise else "CONV_2D"
        inputs = [last]
        inputs.append(self.file.tensor(self.name("weight"), placed.shape, placed.numpy()))
        inputs.append(self.file.tensor(self.name("bias"), shift.shape, shift.numpy()))
        output = self.file.tensor(self.name("conv"), (1, *size, len(conv.weight)))
        word = "DepthwiseConv2DOptions" if depthwise else "Conv2DOptions"
        self.file.operator(kind, inputs, output, options, word)
        return output

    def padded(self, last: int, pads: list[list[int]]) -> int:
        constant = self.file.tensor(self.name("pads"), (4, 2), np.array(pads), "INT32")
        shape = [size + sum(pad) for size, pad in zip(self.shape(last), pads, strict=True)]
        output = self.file.tensor(self.name("padded"), shape)
        self.file.operator("PAD", [last, constant], output, schema.PadOptionsT(), "PadOptions")
        return output

    def padded_shortcut(self, last: int, side: int) -> int:
        channels = self.shape(last)[3]
        ends = [np.array(one) for one in ([0] * 4, self.shape(last), [1, 2, 2, 1])]
        constants = [self.file.tensor(self.name("ends"), (4,), one, "INT32") for one in ends]
        output = self.file.tensor(self.name("every second"), (1, side, side, channels))
        options = schema.StridedSliceOptionsT()
        inputs = [last, *constants]
        self.file.operator("STRIDED_SLICE", inputs, output, options, "StridedSliceOptions")
        each = channels // 2
        return self.padded(output, [[0, 0], [0, 0], [0, 0], [each, each]])

    def added(self, first: int, second: int) -> int:
        options = schema.AddOptionsT()
        options.fusedActivationFunction = schema.ActivationFunctionType.RELU
        output = self.file.tensor(self.name("sum"), self.shape(first))
        self.file.operator("ADD", [first, second], output, options, "AddOptions")
        return output

    def pooled(self, last: int) -> int:
        axes = self.file.tensor("axes", (2,), np.array([1, 2]), "INT32")
        output = self.file.tensor("pooled", (1, self.shape(last)[3]))
        options = schema.ReducerOptionsT()
        self.file.operator("MEAN", [last, axes], output, options, "ReducerOptions")
        return output
