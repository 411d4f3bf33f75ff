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
        edge = litert_torch.convert(exported.module(), exported.example_inputs[0])
        edge.export(output)
    except Exception as error:  # whatever the converter does not know, as its user is told
        found = {"error": f"{type(error).__name__}: {error}", **_culprit(exported, str(error))}
    with open(answer, "w", encoding="utf-8") as file:
        json.dump(found, file)


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
