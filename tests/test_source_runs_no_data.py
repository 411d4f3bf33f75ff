"""No file that is read can run code: held over the source, so that nobody adds a way by accident.

What may run code is listed in docs/security.md, and each way of it stands in one place.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "edgeprune"
FILES = sorted(PACKAGE.rglob("*.py"))

#: Modules that read objects back by running what a file says, or start a shell.
FORBIDDEN_MODULES = {
    "cloudpickle", "dill", "joblib", "marshal", "pickle", "pty", "runpy", "shelve",
}  # fmt: skip
#: Calls by their whole or last name, and why they are not there.
FORBIDDEN_CALLS = {
    "eval": "runs text",
    "exec": "runs text",
    "compile": "makes code of text",
    "__import__": "imports by name",
    "os.system": "starts a shell",
    "os.popen": "starts a shell",
    "subprocess.getoutput": "starts a shell",
    "subprocess.getstatusoutput": "starts a shell",
    "asyncio.create_subprocess_shell": "starts a shell",
    "yaml.load": "makes objects; allowed: yaml.safe_load, yaml.compose with our Loader",
    "yaml.load_all": "makes objects",
    "yaml.full_load": "makes objects",
    "yaml.unsafe_load": "makes objects",
    "torch.jit.load": "runs a program",
    "torch.hub.load": "runs what it downloads",
    "torch.package.PackageImporter": "runs a program",
    "onnx.hub.load": "downloads",
    "tempfile.mktemp": "a name that another process can take first",
    "markupsafe.Markup.unescape": "undoes escaping",
}
#: The only exceptions: file, call, and why it is right.
ALLOWED = {
    # The worker's own modules and the runtime's, sent by us to a Python on the device.
    ("devices/worker/boot.py", "exec"),
    ("devices/worker/boot.py", "compile"),
}
#: Where a module is imported by a name that is not written in the source.
IMPORTERS = {
    "__init__.py": "our own names, from a table",
    "deploy/elf.py": "one optional package, by its own name",
    "devices/worker/tflite.py": "one of two runtimes, by their own names",
    "plugins.py": "module:function: the way for a user's own code",
    "quantization/tflite_graph.py": "optional packages, by their own names",
    "search/samplers/__init__.py": "our own names, from a table",
    "search/samplers/spec.py": "a sampler's own module",
    "workloads/importing.py": "our own guard",
}
#: Who may ask for a user's own code by its name; each setting stands in docs/security.md.
CODE_BY_NAME = {
    "search/rewards.py": ["search.reward"],
    "search/samplers/registry.py": ["search.sampler"],
    "tasks/registry.py": ["workload.task"],
    "workloads/datasets/registry.py": ["workload.data.name"],
    "workloads/importing.py": [],
    "workloads/models/registry.py": ["workload.model.name"],
}
#: The only ways to the terminal; `edgeprune.terminal` makes text safe.
TERMINAL = {"Console", "TextColumn", "print", "typer.echo", "click.echo", "sys.stdout.write"}


def _name(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def _dotted(node: ast.expr) -> str:
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else ""


def _calls(source: str) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            yield _dotted(node.func), node


def _keyword(call: ast.Call, name: str) -> object:
    for one in call.keywords:
        if one.arg == name:
            return one.value.value if isinstance(one.value, ast.Constant) else one.value
    return None


def problems(name: str, source: str) -> list[str]:
    """What in a module could run what a file says."""
    found = list(_imports(source))
    for called, call in _calls(source):
        if called in FORBIDDEN_CALLS and (name, called) not in ALLOWED:
            found.append(f"{called}: {FORBIDDEN_CALLS[called]}")
        if called.endswith(("import_module", "load_object")):
            by_name = not (call.args and isinstance(call.args[0], ast.Constant))
            allowed = CODE_BY_NAME if called.endswith("load_object") else IMPORTERS
            if by_name and name not in allowed:
                found.append(f"{called} of a name that is not written here")
        found += _arguments(called, call)
    return found


def _imports(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            named = [one.name for one in node.names]
            whole = [node.module or ""] if isinstance(node, ast.ImportFrom) else named
            bad = {one.partition(".")[0] for one in whole} & FORBIDDEN_MODULES
            if isinstance(node, ast.Import):
                bad -= {"pickle"}  # torch tells of a refused file by an error class of it
            yield from (f"imports {one}" for one in bad)
        if isinstance(node, ast.Attribute) and _dotted(node).startswith("pickle."):
            if node.attr != "UnpicklingError":
                yield f"uses {_dotted(node)}"


def _arguments(called: str, call: ast.Call) -> Iterator[str]:
    if called == "torch.load" and _keyword(call, "weights_only") is not True:
        yield "torch.load without weights_only=True"
    if _keyword(call, "shell") not in {None, False}:
        yield "a shell reads the command"
    if _keyword(call, "allow_pickle") not in {None, False}:
        yield "allow_pickle"
    if called in {"tar.extract", "tar.extractall"} and _keyword(call, "filter") != "data":
        yield "a tar archive without filter='data'"
    if called == "Environment" and _keyword(call, "autoescape") is not True:
        yield "a template without autoescape"
    made = bool(call.args) and isinstance(call.args[0], ast.JoinedStr)
    if called == "text" or called.endswith("exec_driver_sql"):
        # One holds a lock's number, which is ours.
        if made and "_MAKING_TABLES" not in ast.unparse(call):
            yield "SQL made of text"


def test_no_data_file_can_run_code() -> None:
    found = {_name(path): problems(_name(path), path.read_text()) for path in FILES}
    assert {name: what for name, what in found.items() if what} == {}


@pytest.mark.parametrize(
    "source",
    [
        "import pickle\npickle.loads(b'')",
        "from pickle import loads",
        "import marshal",
        "import joblib.memory",
        "eval('1')",
        "exec(text)",
        "import os\nos.system('ls')",
        "import torch\ntorch.load(path)",
        "import torch\ntorch.load(path, weights_only=False)",
        "import subprocess\nsubprocess.run('ls', shell=True)",
        "import numpy as np\nnp.load(path, allow_pickle=True)",
        "import yaml\nyaml.load(text, Loader=yaml.Loader)",
        "tar.extractall(folder)",
        "import_module(name)",
        "load_object(name, 'setting', Error)",
        "Environment(loader=None)",
        "connection.execute(text(f'select {name}'))",
    ],
)
def test_what_could_run_code_is_found(source: str) -> None:
    assert problems("some/module.py", source)


def test_what_is_allowed_is_still_there() -> None:
    """An exception that nothing needs any more goes."""
    used = {
        (_name(path), called)
        for path in FILES
        for called, _ in _calls(path.read_text())
        if called in FORBIDDEN_CALLS
    }
    assert used == ALLOWED


def test_every_setting_that_names_code_is_documented() -> None:
    page = (ROOT / "docs/security.md").read_text()
    for name, settings in CODE_BY_NAME.items():
        source = (PACKAGE / name).read_text()
        for setting in settings:
            assert f'"{setting}"' in source and f"`{setting}`" in page


def test_one_module_alone_writes_to_the_terminal() -> None:
    found = {
        (_name(path), called)
        for path in FILES
        for called, _ in _calls(path.read_text())
        # A worker has no terminal.
        if called in TERMINAL and "devices/worker" not in _name(path)
    }
    assert found == {
        ("terminal.py", "TextColumn"),
        ("terminal.py", "print"),
        ("cli/outcomes.py", "sys.stdout.write"),  # behind JSON, whose characters are escaped
    }
