"""The house in figures: lines, circles between files, records read by string keys, import time.

    python benchmarks/house.py [--json]

``file_circles`` counts groups of files that import each other while they are loaded; imports for
types alone and inside functions are none. ``untyped_record_lookups`` counts string keys that are
asked of something called a record, manifest or result, outside `upgraded` functions, which read
what older versions wrote. ``import_ms`` is the median over five fresh processes.
"""

import argparse
import ast
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import networkx

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "edgeprune"
#: Names of what is read as a record.
_RECORDS = {"record", "records", "manifest", "result", "outcome", "contender", "bundle"}


def modules() -> dict[str, ast.Module]:
    """The syntax tree of every file of the package, by its module name."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = ast.parse(
            path.read_text()
        )
    return found


def circles(trees: dict[str, ast.Module]) -> list[set[str]]:
    """Groups of modules that need each other while they are loaded."""
    graph = networkx.DiGraph()
    for name, tree in trees.items():
        for wanted in _imports(tree):
            target = wanted if wanted in trees else wanted.rpartition(".")[0]
            if target in trees and target != name:
                graph.add_edge(name, target)
    return [group for group in networkx.strongly_connected_components(graph) if len(group) > 1]


def _imports(tree: ast.Module) -> Iterator[str]:
    for statement in tree.body:
        if isinstance(statement, ast.Import):
            yield from (one.name for one in statement.names)
        elif isinstance(statement, ast.ImportFrom) and statement.module:
            yield from (f"{statement.module}.{one.name}" for one in statement.names)


def lookups(trees: dict[str, ast.Module]) -> list[str]:
    """Where string keys are asked of records, as ``module:line``."""
    found = []
    for name, tree in trees.items():
        upgrades = {
            line
            for one in ast.walk(tree)
            if isinstance(one, ast.FunctionDef) and one.name == "upgraded"
            for line in range(one.lineno, (one.end_lineno or one.lineno) + 1)
        }
        found += [
            f"{name}:{one.lineno}"
            for one in ast.walk(tree)
            if isinstance(one, ast.Subscript)
            and isinstance(one.value, ast.Name)
            and one.value.id in _RECORDS
            and isinstance(one.slice, ast.Constant)
            and isinstance(one.slice.value, str)
            and one.lineno not in upgrades
        ]
    return found


def import_ms() -> float:
    """Median time of ``import edgeprune`` in a fresh process, the interpreter's own start off."""

    def taken(code: str) -> float:
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
        return 1000 * (time.perf_counter() - start)

    return statistics.median(taken("import edgeprune") - taken("pass") for _ in range(5))


def _lines(folder: Path) -> int:
    return sum(len(path.read_text().splitlines()) for path in folder.rglob("*.py"))


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="the same: it takes seconds")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    trees = modules()
    figures = {
        "package_lines": _lines(PACKAGE),
        "package_files": len(trees),
        "tests_lines": _lines(ROOT / "tests"),
        "file_circles": len(circles(trees)),
        "untyped_record_lookups": len(lookups(trees)),
        "import_ms": round(import_ms(), 1),
    }
    if options.json:
        print(json.dumps({"benchmark": "house", "figures": figures}, indent=2))
        return
    for name, value in figures.items():
        print(f"{name:<24} {value}")
    for group in circles(trees):
        print("circle:", ", ".join(sorted(group)))
    for place in lookups(trees):
        print("string key:", place)


if __name__ == "__main__":
    main()
