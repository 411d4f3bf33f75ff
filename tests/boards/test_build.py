import subprocess
from pathlib import Path

import pytest

from edgeprune.boards import RECIPE, Recipe, emulated
from edgeprune.errors import TargetError


@pytest.mark.slow
def test_an_arm_python_is_built_from_nothing_and_only_once(empty_store: Path) -> None:
    told: list[str] = []
    python = emulated.make(note=told.append)
    assert len(told) >= 2
    code = "import platform, onnxruntime; print(platform.machine())"
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout == "aarch64\n", done.stderr
    assert not list(empty_store.glob(".*.partial"))
    told.clear()
    assert emulated.make(note=told.append) == python == emulated.emulated_python()
    assert told == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("recipe", "named"),
    [
        (Recipe(("no-such-package-x",), (), RECIPE.kernel, ()), "no-such-package-x"),
        (Recipe(("python3",), ("numpy==0.0.1",), RECIPE.kernel, ()), "numpy==0.0.1"),
    ],
)
def test_what_cannot_be_had_is_named_and_nothing_is_left(
    empty_store: Path, recipe: Recipe, named: str
) -> None:
    with pytest.raises(TargetError, match=named):
        emulated.make(recipe)
    assert [path for path in empty_store.iterdir() if path.suffix != ".lock"] == []
