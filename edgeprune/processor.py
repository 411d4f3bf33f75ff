"""What int8 code this machine's processor is fast and right with."""

import os


def takes_unsigned() -> bool:
    """Unsigned activations are the fast ones of x86; other processors take signed ones."""
    return os.uname().machine in {"x86_64", "AMD64"}


def has_vnni() -> bool:
    """Whether this x86 CPU sums int8 products in 32 bits.

    Without, pairs of products are summed in 16 bits and saturate: weights then get 7 bits, which
    no pair of products can overflow (ONNX Runtime's own advice for AVX2).
    """
    import torch  # as late as it is asked for: who makes chains has no other use for it

    capabilities: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    return any("vnni" in name and value is True for name, value in capabilities.items())
