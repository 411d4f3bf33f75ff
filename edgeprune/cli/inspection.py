"""`edgeprune inspect`: the channel groups of a pipeline's model or of any model."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from rich.table import Table

from edgeprune.config import ModelConfig, load_pipeline, load_target
from edgeprune.errors import SpaceError, UserError
from edgeprune.pruning import ChannelSpace
from edgeprune.terminal import console, say
from edgeprune.workloads import build_model, load_workload


def open_space(model: str, shape: str | None, overrides: Sequence[str]) -> ChannelSpace:
    """The channel space of a pipeline file's model, or of ``module:function`` with a shape.

    Raises:
        UserError: neither a pipeline file nor ``module:function``, or a wrong shape.
    """
    if shape is None and ":" in model and not Path(model).exists():
        msg = f"{model!r} needs an input shape: --input 1x3x224x224"
        raise UserError(msg)
    if shape is not None:
        built = build_model(ModelConfig(name=model)).eval()
        given = [torch.randn(one) for one in parse_shapes(shape)]
        try:
            return ChannelSpace.from_model(built, given)
        except SpaceError as error:
            msg = f"--input {shape}: {error}"
            raise SpaceError(msg) from error
    config = load_pipeline(model, overrides)
    workload = load_workload(config.workload)
    return ChannelSpace.from_model(
        workload.model,
        workload.example_input,
        include=config.prune.include,
        exclude=config.prune.exclude,
        multiple=(
            config.prune.channel_multiple or load_target(config.targets[0]).channel_multiple
        ).model_dump(),
        min_keep=config.prune.min_keep,
        blocks=config.prune.blocks,
    )


def parse_shapes(text: str) -> list[tuple[int, ...]]:
    """Read ``1x3x224x224`` or, for a model of several inputs, ``1x3x224x224,1x7``.

    Raises:
        UserError: it is not of that form.
    """
    shapes = [one.strip().split("x") for one in text.lower().split(",")]
    if not all(part.isdigit() and int(part) > 0 for parts in shapes for part in parts):
        msg = (
            f"--input {text!r} is no shape; allowed: sizes from 1 with an x between them, the "
            f"batch first, such as 1x3x224x224 or 1x1x16000; several with a comma between them"
        )
        raise UserError(msg)
    return [tuple(int(part) for part in parts) for parts in shapes]


def space_record(space: ChannelSpace) -> dict[str, Any]:
    """The channel space as plain values."""
    return {
        "macs": space.macs(space.full),
        "parameters": space.params(space.full),
        "cuttable_macs_share": space.cuttable_macs_share,
        "groups": [
            {
                "name": group.name,
                "layers": list(group.layers),
                "channels": group.channels,
                "unit": group.unit,
                "macs_share": group.macs_share,
                "fixed": group.fixed,
                "widths": list(space.choices.get(group.name, ())),
            }
            for group in space.groups
        ],
        "branches": [
            {"name": branch.name, "groups": list(branch.groups)} for branch in space.branches
        ],
    }


def _may_be_cut(space: ChannelSpace, name: str) -> str:
    return "yes, or its block" if space.choices[name][0] == 0 else "yes"


def space_table(space: ChannelSpace) -> None:
    """Print the groups for a person, in 80 columns; a group is named after its first layer."""
    table = Table()
    table.add_column("group", overflow="fold")
    table.add_column("channels", justify="right")
    table.add_column("MACs", justify="right")
    table.add_column("layers", justify="right")
    table.add_column("may be cut")
    for group in space.groups:
        table.add_row(
            group.name,
            str(group.channels),
            f"{group.macs_share:.1%}",
            str(len(group.layers)),
            f"no: {group.fixed}" if group.fixed else _may_be_cut(space, group.name),
            style="dim" if group.fixed else None,
        )
    console().print(table)
    if space.branches:
        names = ", ".join(branch.name or "the model" for branch in space.branches)
        say(f"{len(space.branches)} residual branches may go as a whole: {names}")
    else:
        say("no residual branch may go as a whole")
    say(
        f"{space.macs(space.full) / 1e6:.1f} M MACs, {space.params(space.full) / 1e6:.2f} M "
        f"parameters, {len(space.free)} of {len(space.groups)} groups may be cut; "
        f"{space.cuttable_macs_share:.1%} of the MACs lie in layers they touch"
    )
