"""What README, docs/ and docstrings show works.

``pycon`` blocks of a page are run in turns, as one session. ``python`` blocks have to compile, and
are run where the line before says ``<!-- runs -->``. YAML blocks have to hold.
"""

import doctest
import importlib
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from edgeprune.config import PipelineConfig, TargetConfig

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
RUNS = "<!-- runs -->"

_BLOCK = re.compile(
    r"^(?P<mark><!-- runs -->\n)?```(?P<kind>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
_FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE

Blocks = list[tuple[bool, str]]


def _blocks(page: Path, kind: str) -> Blocks:
    """Marked or not, and the text."""
    found = _BLOCK.finditer(page.read_text())
    return [(bool(one["mark"]), one["text"]) for one in found if one["kind"] == kind]


def _pages(kind: str) -> list[Any]:
    return [pytest.param(page, id=page.name) for page in PAGES if _blocks(page, kind)]


def _modules() -> list[str]:
    files = sorted((ROOT / "edgeprune").rglob("*.py"))
    names = [path.relative_to(ROOT).with_suffix("") for path in files if ">>> " in path.read_text()]
    return [".".join(name.parts).removesuffix(".__init__") for name in names]


def _run(test: doctest.DocTest) -> None:
    lines: list[str] = []
    doctest.DocTestRunner(optionflags=_FLAGS).run(test, out=lines.append)
    assert not lines, "".join(lines)


@pytest.mark.parametrize("page", _pages("pycon"))
def test_sessions_give_what_they_show(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = "\n".join(text for _, text in _blocks(page, "pycon"))
    _run(doctest.DocTestParser().get_doctest(text, {}, page.name, str(page), 0))


@pytest.mark.parametrize("page", _pages("python"))
def test_python_compiles_and_runs_where_it_says_so(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for marked, text in _blocks(page, "python"):
        code = compile(text, str(page), "exec")
        if marked:
            exec(code, names)


@pytest.mark.parametrize("page", _pages("yaml"))
def test_yaml_holds(page: Path) -> None:
    """Whole pipelines and profiles, and parts of pipelines."""
    data = {"model": {"name": "resnet20"}, "data": {"name": "digits"}}
    for _, text in _blocks(page, "yaml"):
        found = yaml.safe_load(text)
        if not found:
            continue  # a comment
        if "name" in found:
            profile = {"kind": "local"} if "extends" not in found else {"kind": "ssh"}
            TargetConfig.model_validate(profile | found, context={"written": True})
        else:
            part = {"workload": data, "budget": {"latency": "0.5x"}} | found
            PipelineConfig.model_validate(part, context={"written": True})


@pytest.mark.parametrize("name", _modules())
def test_docstrings_give_what_they_show(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    module = importlib.import_module(name)
    tests = [one for one in doctest.DocTestFinder().find(module) if one.examples]
    assert tests
    for test in tests:
        _run(test)


@pytest.mark.parametrize(
    "name", ["ChannelSpace", "Plan", "RunResult", "load_bundle", "resume", "run"]
)
def test_public_names_have_an_example(name: str) -> None:
    import edgeprune

    assert ">>> " in (getattr(edgeprune, name).__doc__ or "")
