import subprocess
import sys


def _run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_torchvision_opens_in_a_fresh_process() -> None:
    output = _run(
        "from edgeprune.workloads.torchvision_guard import torchvision\n"
        "import torch\n"
        "model = torchvision.models.get_model('mobilenet_v3_small', weights=None).eval()\n"
        "print(tuple(model(torch.zeros(1, 3, 64, 64)).shape))"
    )
    assert output.strip() == "(1, 1000)"


def test_a_torchvision_that_is_loaded_already_is_left_alone() -> None:
    # Somebody else's declaration, then torchvision itself, then ours.
    output = _run(
        "import torch\n"
        "library = torch.library.Library('torchvision', 'FRAGMENT')\n"
        "for name in ('nms', 'qnms'):\n"
        "    if not hasattr(torch.ops.torchvision, name):\n"
        "        library.define(name + '(Tensor a, Tensor b, float c) -> Tensor')\n"
        "import torchvision as theirs\n"
        "from edgeprune.workloads import torchvision_guard\n"
        "print(torchvision_guard._declared, torchvision_guard.torchvision is theirs)"
    )
    assert output.strip() == "None True"


def test_workloads_without_torchvision_models_do_not_load_it() -> None:
    output = _run(
        "import sys\n"
        "from edgeprune.config import ModelConfig\n"
        "from edgeprune.workloads import build_model\n"
        "build_model(ModelConfig(name='resnet20'))\n"
        "print('torchvision' in sys.modules, 'sklearn' in sys.modules)"
    )
    assert output.strip() == "False False"
