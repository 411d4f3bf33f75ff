"""torchvision opens beside a torch build that its wheel was not made for, in any order."""

import subprocess
import sys

import pytest


def _run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("order", ["import edgeprune\nimport torch", "import torch, edgeprune"])
def test_torchvision_opens_after_edgeprune(order: str) -> None:
    output = _run(
        f"{order}\n"
        "import torchvision\n"
        "model = torchvision.models.get_model('mobilenet_v3_small', weights=None).eval()\n"
        "print(tuple(model(torch.zeros(1, 3, 64, 64)).shape))"
    )
    assert output.strip() == "(1, 1000)"


def test_timm_opens_after_edgeprune() -> None:
    output = _run("import edgeprune, timm\nprint(len(timm.list_models('mobilenetv4*')) > 0)")
    assert output.strip() == "True"


def test_a_torchvision_that_is_loaded_already_is_left_alone() -> None:
    # Somebody else's declaration, then torchvision itself, then ours.
    output = _run(
        "import torch\n"
        "library = torch.library.Library('torchvision', 'FRAGMENT')\n"
        "for name in ('nms', 'qnms'):\n"
        "    if not hasattr(torch.ops.torchvision, name):\n"
        "        library.define(name + '(Tensor a, Tensor b, float c) -> Tensor')\n"
        "import torchvision\n"
        "import sys\n"
        "watching = len(sys.meta_path)\n"
        "from edgeprune import torchvision_guard\n"
        "print(torchvision_guard._declared, len(sys.meta_path) - watching)"
    )
    assert output.strip() == "[] 0"


def test_edgeprune_loads_neither_torch_nor_torchvision() -> None:
    output = _run(
        "import sys, edgeprune\n"
        "print('torchvision' in sys.modules, 'torch' in sys.modules)\n"
        "from edgeprune.config import ModelConfig\n"
        "from edgeprune.workloads import build_model\n"
        "build_model(ModelConfig(name='resnet20'))\n"
        "build_model(ModelConfig(name='tests.models:tiny_cnn'))\n"
        "print('torchvision' in sys.modules, 'sklearn' in sys.modules)"
    )
    assert output.split() == ["False", "False", "False", "False"]
