"""The memory for activations that TVM plans while it compiles a network."""

from typing import Any

#: Calls that allocate a storage; its size in bytes is their first argument.
_STORAGES = frozenset({"relax.memory.alloc_storage", "relax.vm.alloc_storage"})
#: Of the default pipeline for processors, but for those that schedule kernels.
_PASSES = (
    *("LegalizeOps", "AnnotateTIROpPattern", "FoldConstant", "FuseOps", "FuseTIR"),
    *("RewriteDataflowReshape", "ToNonDataflow", "RemovePurityChecking", "CallTIRRewrite"),
    "StaticPlanBlockMemory",
)


def planned_bytes(module: Any, target: Any) -> int:
    """Bytes of all storages that a network's tensors are put into.

    The passes are those that compile it, up to the one that plans: schedules of kernels, which
    tuning finds, change nothing of the tensors between them.

    Args:
        module: the network, before fusion.
        target: `tvm.target.Target`.
    """
    import tvm
    from tvm import relax

    passes = [getattr(relax.transform, name)() for name in _PASSES]
    with target:
        planned = tvm.transform.Sequential(passes)(module)
    found: list[int] = []

    def look_at(expression: Any) -> None:
        called = getattr(expression, "op", None)
        if isinstance(called, tvm.ir.Op) and called.name in _STORAGES:
            (size,) = expression.args[0].values
            found.append(int(getattr(size, "value", size)))

    for function in planned.functions.values():
        if isinstance(function, relax.Function):
            relax.analysis.post_order_visit(function, look_at)
    return sum(found)
