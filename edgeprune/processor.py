"""What int8 code a processor is fast and right with."""

import os
from collections.abc import Mapping
from typing import Any, Literal

_X86 = frozenset({"x86_64", "AMD64"})


def takes_unsigned(facts: Mapping[str, Any] | None = None) -> bool:
    """Unsigned activations are the fast ones of x86; other processors take signed ones.

    Args:
        facts: what a device says of itself: its ``machine``; None: it is this machine.
    """
    return _machine(facts) in _X86


def weight_bits(facts: Mapping[str, Any] | None = None) -> Literal[7, 8]:
    """Bits of int8 weights whose sums of products are right.

    An x86 CPU without VNNI sums pairs of products in 16 bits, which saturate: weights then get 7
    bits, which no pair of products can overflow (ONNX Runtime's own advice for AVX2). Files are
    scored here and run there: weights are narrow where either would saturate.

    Args:
        facts: what a device says of itself: its ``machine``, and whether it has ``vnni``; None:
            it is this machine.
    """
    here, sums, machine = os.uname().machine, _has_vnni(), _machine(facts)
    told = (facts or {}).get("vnni", sums if machine == here else False)
    right_there = machine not in _X86 or bool(told)
    right_here = here not in _X86 or sums
    return 8 if right_here and right_there else 7


def _machine(facts: Mapping[str, Any] | None) -> str:
    return str((facts or {}).get("machine") or os.uname().machine)


def _has_vnni() -> bool:
    """Whether this x86 CPU sums int8 products in 32 bits."""
    import torch  # as late as it is asked for: who makes chains has no other use for it

    capabilities: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    return any("vnni" in name and value is True for name, value in capabilities.items())
