"""TVM libraries on disk: what runs, what is refused before it is loaded."""

import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

pytest.importorskip("tvm.relax", reason="the extra `tvm` is not installed")

from edgeprune.config import TargetConfig
from edgeprune.config.runtimes import TvmConfig
from edgeprune.errors import TargetError, VerificationError, WorkloadError
from edgeprune.export.formats import Source, device_content, file_name, open_format
from edgeprune.export.formats.protocol import Made
from edgeprune.export.formats.tvm_library import DESCRIPTION
from edgeprune.pruning import ChannelSpace
from tests.evaluation.nets import all_images, noise_split
from tests.models import tiny_cnn

HERE = TargetConfig(name="here", kind="local", tvm=TvmConfig(allow_untuned=True))
ARM64 = HERE.model_copy(update={"architecture": "aarch64", "cpu": "cortex-a72", "kind": "command"})
IMAGES = all_images(noise_split(4, 32))


@pytest.fixture(scope="module")
def source() -> Source:
    torch.manual_seed(0)
    model = tiny_cnn().eval()
    content = ChannelSpace.from_model(model, IMAGES[:1]).template.base
    return Source(model, content, IMAGES[:1])


@pytest.fixture(scope="module")
def library(source: Source, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = open_format("tvm", HERE).convert(source, "float32")
    folder = tmp_path_factory.mktemp("library")
    return write(folder / file_name("tvm", "float32", HERE), made)


def write(path: Path, made: Made) -> Path:
    path.write_bytes(made.content)
    for suffix, content in made.companions.items():
        path.with_name(path.name + suffix).write_bytes(content)
    return path


def test_a_library_computes_what_torch_computes(source: Source, library: Path) -> None:
    assert library.name == f"model-{platform.machine()}-linux-gnu.so"
    (outputs,) = open_format("tvm", HERE).run(library)(IMAGES.numpy())
    with torch.inference_mode():
        expected = source.model(IMAGES).numpy()
    assert outputs.shape == expected.shape and np.abs(outputs - expected).max() < 1e-5
    lint = open_format("tvm", HERE).lint(library)
    assert lint.kernels >= len(lint.untuned) > 3 and lint.transposes == 0
    assert lint.machine == platform.machine() and "not tuned" in lint.warnings()[0]


def test_it_loads_in_the_runtime_alone(library: Path, tmp_path: Path) -> None:
    """In a process that has neither torch nor edgeprune: what firmware has."""
    program = """
import json, sys
import numpy as np, tvm
from tvm import relax
path = sys.argv[1]
about = json.load(open(path + ".json"))
main = relax.VirtualMachine(tvm.runtime.load_module(path), tvm.cpu())["main"]
shape = about["inputs"][0]["shape"]
print(main(tvm.runtime.tensor(np.ones(shape, "float32"), tvm.cpu())).numpy().shape)
assert "torch" not in sys.modules and "edgeprune" not in sys.modules
"""
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-c", program, str(library)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=clean,
        check=False,
    )
    assert done.stdout.strip() == "(1, 10)", done.stderr


def test_a_damaged_library_is_never_loaded(library: Path, tmp_path: Path) -> None:
    half = tmp_path / library.name
    half.write_bytes(library.read_bytes()[: library.stat().st_size // 2])
    with pytest.raises(VerificationError, match=r"lacks its description .*\.so\.json"):
        open_format("tvm", HERE).run(half)
    beside = half.with_name(half.name + DESCRIPTION)
    shutil.copy(library.with_name(library.name + DESCRIPTION), beside)
    with pytest.raises(VerificationError, match=r"is damaged.*bytes, described are"):
        open_format("tvm", HERE).run(half)
    beside.write_text("{")
    with pytest.raises(VerificationError, match="no description of a TVM library"):
        open_format("tvm", HERE).lint(half)
    beside.write_text(json.dumps({"tvm": "0.27"}))
    with pytest.raises(VerificationError, match="it lacks bytes, inputs, kernels"):
        device_content(half)


def test_another_processors_library_has_a_stand_in_and_is_not_run_here(
    source: Source, tmp_path: Path
) -> None:
    if shutil.which("aarch64-linux-gnu-gcc") is None or platform.machine() != "x86_64":
        pytest.skip("no cross compiler")
    form = open_format("tvm", ARM64)
    made = form.convert(source, "float32")
    path = write(tmp_path / file_name("tvm", "float32", ARM64), made)
    assert path.name == "model-aarch64-linux-gnu.so"
    with pytest.raises(VerificationError, match=r"is for aarch64, this device is x86_64"):
        form.run(path)
    assert made.stand_in is not None
    own = write(tmp_path / "own.so", made.stand_in)
    with torch.inference_mode():
        expected = source.model(IMAGES).numpy()
    assert np.abs(form.run(own)(IMAGES.numpy())[0] - expected).max() < 1e-5


def test_an_unknown_operator_is_named_with_its_module() -> None:
    class Fine(nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return images

    import onnx
    from onnx import TensorProto, helper

    node = helper.make_node("Det", ["input"], ["output"], "/head/angle/Det")
    ends = [
        helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, 4, 4]),
        helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, 3]),
    ]
    graph = helper.make_graph([node], "net", ends[:1], ends[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    wrong = Source(Fine(), model.SerializeToString(), torch.zeros(1, 3, 4, 4))
    with pytest.raises(WorkloadError, match=r"Det of /head/angle/Det"):
        open_format("tvm", HERE).convert(wrong, "float32")


def test_a_missing_compiler_is_told_before_anything_is_made() -> None:
    target = HERE.model_copy(update={"tvm": TvmConfig(cross_compiler="no-such-gcc")})
    with pytest.raises(TargetError, match=r"'no-such-gcc'.*is not here; apt install"):
        open_format("tvm", target)
