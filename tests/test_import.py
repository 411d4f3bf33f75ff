import subprocess
import sys


def test_importing_edgeprune_loads_no_heavy_library() -> None:
    code = "import edgeprune, sys; print(sorted({'torch', 'optuna', 'onnx'} & set(sys.modules)))"
    output = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert output.strip() == "[]"


def test_public_names_resolve() -> None:
    import edgeprune

    for name in edgeprune.__all__:
        assert getattr(edgeprune, name) is not None
