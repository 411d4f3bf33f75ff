import pytest

from edgeprune.report import Group, Layer
from edgeprune.report.layer_lines import LayerLine, closing_sentence, layer_lines

GROUPS = [
    Group("stem", ("stem", "body"), 16, 16, 0.1, fixed="added to zero-padded channels"),
    Group("free", ("free", "next"), 32, 32, 0.5),
]
#: Sets the time of the network's quickest weighted layer, below which calls cost the most.
QUICK = Layer("quick", "Conv", 0.002, 0.001, "8->8", "8->8")


def _line(
    name: str, before: float | None, after: float | None, *channels: str, op: str = "Conv"
) -> LayerLine:
    old, new = channels or (None, None)
    return layer_lines([Layer(name, op, before, after, old, new), QUICK], GROUPS)[0]


def test_a_faster_layer_needs_no_reason() -> None:
    line = _line("layer", 0.06, 0.03, "32->32", "32->16")
    assert (line.faster, line.why, line.change) == (True, None, 0.5)


@pytest.mark.parametrize(
    ("name", "before", "after", "channels", "reason"),
    [
        ("stem", 0.06, 0.06, ("3->16", "3->16"), "could not be cut: added to zero-padded"),
        ("free", 0.06, 0.06, ("32->32", "32->32"), "(32→32): the search kept all of them."),
        ("lost", 0.06, 0.06, ("32->32", "32->32"), "unchanged (32→32)."),
        ("layer", 0.06, 0.061, ("16->16", "16->13"), "13 is not a multiple of 8 channels: "),
        ("layer", 0.06, 0.061, ("16->16", "16->13"), "computes as much as before."),
        ("layer", 0.06, 0.061, ("32->32", "20->12"), "20 and 12 are not multiples of 8"),
        ("layer", 0.06, 0.061, ("32->32", "20->12"), "pays for the padding or for a slower path"),
        ("layer", 0.002, 0.002, ("16->16", "8->16"), "the fixed cost of a kernel call"),
        ("layer", 0.06, 0.07, ("32->32", "32->16"), "fell (32→32 became 32→16) but not its time"),
        ("layer", None, 0.06, ("16->16", "8->8"), "Only the result has it"),
        ("layer", 0.06, None, ("16->16", "8->8"), "Only the base model has it"),
        ("layer", 0.0, 0.0, ("16->16", "8->8"), "no measurable time"),
    ],
)
def test_likely_reason(
    name: str,
    before: float | None,
    after: float | None,
    channels: tuple[str, str],
    reason: str,
) -> None:
    line = _line(name, before, after, *channels)
    assert not line.faster
    assert line.why is not None and reason in line.why


def test_layers_without_weights_have_a_reason_of_their_own() -> None:
    line = _line("add", 0.009, 0.009, op="Add")
    assert line.why is not None and line.why.startswith("Little arithmetic")


def test_a_difference_within_noise_is_not_a_gain() -> None:
    assert not _line("layer", 0.100, 0.098, "32->32", "32->16").faster


def test_closing_sentence_counts_and_adds_up() -> None:
    layers = [
        Layer("a", "Conv", 0.4, 0.2),
        Layer("b", "Add", 0.1, 0.1),
        Layer("c", "Add", None, 0.1),
    ]
    assert closing_sentence(layer_lines(layers, []), "ms") == (
        "1 of 3 layers got faster. Over all layers the time went from 0.500 to 0.400 ms."
    )


def test_layers_of_a_removed_block_are_called_that() -> None:
    gone = [Group("block", ("block.conv",), 16, 0, 0.1)]
    layers = [
        Layer("block.conv", "Conv", 0.4, None, "16->16"),
        Layer("block.relu", "Relu", 0.1, None),
        Layer("other", "Conv", 0.4, 0.2, "16->16", "16->8"),
    ]
    conv, relu, _ = lines = layer_lines(layers, gone)
    assert conv.why == "Its block was removed."
    assert relu.why is not None and "it went with a removed block, or the runtime" in relu.why
    assert closing_sentence(lines, "ms").startswith(
        "1 of 3 layers got faster, 1 went with its block. "
    )
