"""Run by the converter's own Python: an exported torch program to a TFLite file.

Arguments: the program (``torch.export.save``), the TFLite file, a JSON file for what was found.
It holds ``version``, or ``error`` with the ``operator`` that stands in the way and its
``modules``. Needs torch and litert-torch, nothing of edgeprune.
"""

import json
import re
import sys
from importlib import metadata

import torch


def main(program: str, output: str, answer: str) -> None:
    """Convert, and tell what was found."""
    import litert_torch

    exported = torch.export.load(program)
    found: dict[str, object] = {"version": metadata.version("litert-torch")}
    try:
        module = exported.module()
        _keep_four_dimensions(module)
        edge = litert_torch.convert(module, exported.example_inputs[0])
        edge.export(output)
    except Exception as error:  # whatever the converter does not know, as its user is told
        found = {"error": f"{type(error).__name__}: {error}", **_culprit(exported, str(error))}
    with open(answer, "w", encoding="utf-8") as file:
        json.dump(found, file)


def _keep_four_dimensions(module: torch.fx.GraphModule) -> None:
    """Reduce over height and width in two steps: the first keeps four dimensions.

    The converter lays out channels last only what has four dimensions before and after, so that
    ``x.mean((2, 3))`` would be given a transposed copy of ``x``.
    """
    aten = torch.ops.aten
    reductions = {aten.mean.dim, aten.sum.dim_IntList, aten.amax.default}
    for node in list(module.graph.nodes):
        if node.target not in reductions or len(node.args) not in {2, 3}:
            continue
        value = node.args[0].meta.get("val")
        if value is None or value.ndim != 4 or (len(node.args) == 3 and node.args[2]):
            continue
        kept = node.kwargs.get("keepdim", False)
        if kept or not node.args[1]:
            continue
        with module.graph.inserting_after(node):
            flat = module.graph.call_function(aten.squeeze.dims, (node, list(node.args[1])))
        flat.meta = {name: one for name, one in node.meta.items() if name != "val"}
        node.replace_all_uses_with(flat, delete_user_cb=lambda user: user is not flat)  # noqa: B023
        node.args = (node.args[0], node.args[1], True)
    module.recompile()


def _culprit(exported: torch.export.ExportedProgram, message: str) -> dict[str, object]:
    """The operator that the message names, and the modules that use it."""
    named = re.search(r"aten\.(\w+)|torchvision\.(\w+)", message)
    if named is None:
        return {}
    operator = named.group(0)
    for program in (exported, exported.run_decompositions()):
        modules = [
            list(node.meta["nn_module_stack"].values())[-1][0]
            for node in program.graph.nodes
            if str(node.target).startswith(operator) and node.meta.get("nn_module_stack")
        ]
        if modules:
            return {"operator": operator, "modules": list(dict.fromkeys(modules))}
    return {"operator": operator, "modules": []}


if __name__ == "__main__":
    main(*sys.argv[1:])
