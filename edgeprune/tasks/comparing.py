"""Comparing outputs of any form number by number."""

from typing import Any

import torch

from edgeprune.tensors import flattened_outputs

#: Difference, as a share of the largest number, below which two numbers say the same.
_CLOSE = 0.01
#: Variance below which an output tells nothing, as a share of its mean square.
_CONSTANT = 1e-6


def spread_error(outputs: Any, taught: Any) -> torch.Tensor:
    """Squared differences as a share of the variance of `taught`: the mean over its tensors.

    Args:
        outputs: floats of any form, (N, ...) each.
        taught: of the same form.
    """
    pairs = zip(
        flattened_outputs(outputs).values(), flattened_outputs(taught).values(), strict=True
    )
    return torch.stack([_share(found.float(), given.float()) for found, given in pairs]).mean()


def _share(found: torch.Tensor, given: torch.Tensor) -> torch.Tensor:
    spread = given.var(correction=0) + _CONSTANT * given.square().mean()
    return (found - given).square().mean() / spread.clamp_min(torch.finfo(torch.float32).tiny)


def close_share(outputs: Any, expected: Any) -> float:
    """Share of the numbers that differ by less than a hundredth of the largest of their tensor."""
    close = count = 0
    pairs = zip(
        flattened_outputs(outputs).values(), flattened_outputs(expected).values(), strict=True
    )
    for found, given in pairs:
        allowed = _CLOSE * float(given.abs().amax()) if given.numel() else 0.0
        close += int(((found - given).abs() <= allowed).sum())
        count += given.numel()
    return close / max(count, 1)
