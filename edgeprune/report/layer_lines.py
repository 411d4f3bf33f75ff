"""Which layers got faster, and the likely reason for each one that did not."""

from collections.abc import Sequence
from dataclasses import dataclass

from edgeprune.report import numbers
from edgeprune.report.summary import Group, Layer

#: A layer must save this share of its time to count as faster: single layers are timed in one
#: profile and not interleaved, so smaller differences are noise.
NOISE = 0.03
#: Kernels for float32 work on blocks of this many channels (vector registers of 8 lanes; the
#: NCHWc layout of ONNX Runtime), so counts between two multiples cost as much as the upper one.
BLOCK = 8
#: What is said of the layers of a removed block.
GONE = "Its block was removed."
#: A layer within this factor of the network's quickest is mostly the fixed cost of a call.
OVERHEAD = 2.0


@dataclass(frozen=True)
class LayerLine:
    """A layer and what became of its latency.

    Attributes:
        layer: the layer.
        change: time after / time before; None where one of them is missing or zero.
        faster: whether it saved more than `NOISE`.
        why: the likely reason, a sentence, for a layer that did not get faster; else None.
    """

    layer: Layer
    change: float | None
    faster: bool
    why: str | None


def layer_lines(layers: Sequence[Layer], groups: Sequence[Group]) -> list[LayerLine]:
    """Judge every layer.

    Args:
        layers: with their latency before and after.
        groups: the channel groups, to know why a width did not change.

    Returns:
        One line a layer, in the same order.
    """
    times = [
        ms
        for layer in layers
        if layer.before_channels is not None
        for ms in (layer.before_ms, layer.after_ms)
        if ms
    ]
    quickest = min(times, default=0.0)
    return [_line(layer, groups, quickest) for layer in layers]


def closing_sentence(lines: Sequence[LayerLine], unit: str) -> str:
    """How many layers got faster and what they save together.

    Args:
        lines: of all layers.
        unit: of their times.
    """
    faster, gone = sum(line.faster for line in lines), sum(line.why == GONE for line in lines)
    blocks = "its block" if gone == 1 else "their blocks"
    went = f", {gone} went with {blocks}" if gone else ""
    before = sum(line.layer.before_ms or 0.0 for line in lines)
    after = sum(line.layer.after_ms or 0.0 for line in lines)
    return (
        f"{faster} of {len(lines)} layers got faster{went}. Over all layers the time went from "
        f"{numbers.three_digits(before)} to {numbers.three_digits(after)} {unit}."
    )


def _line(layer: Layer, groups: Sequence[Group], quickest: float) -> LayerLine:
    if layer.before_ms is None or layer.after_ms is None:
        return LayerLine(layer, None, False, _why_alone(layer, groups))
    if layer.before_ms == 0:
        return LayerLine(layer, None, False, "It took no measurable time to begin with.")
    change = layer.after_ms / layer.before_ms
    if change < 1 - NOISE:
        return LayerLine(layer, change, True, None)
    return LayerLine(layer, change, False, _why(layer, groups, layer.before_ms, quickest))


def _why_alone(layer: Layer, groups: Sequence[Group]) -> str:
    """Why one of the two networks has not got a layer."""
    removed = [group for group in groups if group.after == 0]
    if layer.after_ms is None and any(layer.name in group.layers for group in removed):
        return GONE
    only = "result" if layer.before_ms is None else "base model"
    other = "the runtime fused or split its layers in another way there"
    if removed and layer.after_ms is None:
        return f"Only the base model has it: it went with a removed block, or {other}."
    return f"Only the {only} has it: {other}."


def _why(layer: Layer, groups: Sequence[Group], before_ms: float, quickest: float) -> str:
    if layer.before_channels is None or layer.after_channels is None:
        return "Little arithmetic: moving activations and starting the kernel take its time."
    if layer.before_channels == layer.after_channels:
        return f"Its channels are unchanged ({_arrow(layer)}){_who_kept(layer, groups)}."
    if (blocks := _block_reason(layer.before_channels, layer.after_channels)) is not None:
        return blocks
    if before_ms <= OVERHEAD * quickest:
        return (
            "It is small: near the quickest layer of the network, most of its time is the fixed "
            "cost of a kernel call, which does not shrink with the channels."
        )
    return (
        f"Its channels fell ({_arrow(layer)}) but not its time: memory traffic or another choice "
        "of kernel is likely."
    )


def _arrow(layer: Layer) -> str:
    shown = [
        text.replace("->", "→")
        for text in (layer.before_channels, layer.after_channels)
        if text is not None
    ]
    return shown[0] if shown[0] == shown[-1] else f"{shown[0]} became {shown[-1]}"


def _who_kept(layer: Layer, groups: Sequence[Group]) -> str:
    touching = [group for group in groups if layer.name in group.layers]
    reasons = list(dict.fromkeys(group.fixed for group in touching if group.fixed))
    if reasons:
        return f" because they could not be cut: {'; '.join(reasons)}"
    if touching:
        return ": the search kept all of them"
    return ""


def _block_reason(before: str, after: str) -> str | None:
    old = [int(channels) for channels in before.split("->")]
    new = [int(channels) for channels in after.split("->")]
    cut = [pair for pair in zip(old, new, strict=True) if pair[1] < pair[0]]
    uneven = list(dict.fromkeys(channels for _, channels in cut if channels % BLOCK))
    if not uneven:
        return None
    listed = " and ".join(str(channels) for channels in uneven)
    are = "are not multiples" if len(uneven) > 1 else "is not a multiple"
    if all(_rounded(was) == _rounded(now) for was, now in cut):
        return (
            f"{listed} {are} of {BLOCK} channels: the kernel works on whole blocks, so it "
            "computes as much as before."
        )
    return (
        f"{listed} {are} of {BLOCK} channels: the kernel works on whole blocks and pays for "
        "the padding or for a slower path."
    )


def _rounded(channels: int) -> int:
    return -(-channels // BLOCK) * BLOCK
