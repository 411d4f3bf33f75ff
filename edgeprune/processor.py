"""What int8 code a processor is fast and right with."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_X86 = frozenset({"x86_64", "AMD64"})


@dataclass(frozen=True)
class Int8Code:
    """What int8 files for a processor are like.

    Attributes:
        unsigned: activations are unsigned, the fast ones of x86; others take signed ones.
        weight_bits: 7 where products are summed in pairs of 16 bits, which saturate: no pair of
            products of such weights can overflow (ONNX Runtime's own advice for AVX2).
    """

    unsigned: bool
    weight_bits: int


def int8_code(facts: Mapping[str, Any] | None = None) -> Int8Code:
    """The code of a processor.

    Files are scored here and run there: weights are narrow where either would saturate.

    Args:
        facts: what a device says of itself: its ``machine``, and whether it has ``vnni``; None:
            it is this machine.
    """
    here, sums = os.uname().machine, _has_vnni()
    told = facts or {}
    machine = str(told.get("machine") or here)
    right_there = machine not in _X86 or bool(told.get("vnni", sums if machine == here else False))
    right_here = here not in _X86 or sums
    return Int8Code(machine in _X86, 8 if right_here and right_there else 7)


def _has_vnni() -> bool:
    """Whether this x86 CPU sums int8 products in 32 bits."""
    import torch  # as late as it is asked for: who makes chains has no other use for it

    capabilities: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    return any("vnni" in name and value is True for name, value in capabilities.items())
