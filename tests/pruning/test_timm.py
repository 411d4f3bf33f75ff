"""Models of another library: timm, by ``module:function``."""

from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

from edgeprune.config import ModelConfig
from edgeprune.pruning import ChannelSpace
from edgeprune.workloads import build_model
from tests.pruning.nets import enliven
from tests.pruning.promises import (
    TOLERANCE,
    check_plan,
    counted,
    onnx_output,
    output,
    random_widths,
    relative_difference,
    with_other_weights,
)

pytestmark = pytest.mark.skipif(find_spec("timm") is None, reason="timm is not installed")


@pytest.mark.parametrize(
    "name", ["mobilenetv3_small_050", "ghostnet_050", "lcnet_050", "convnext_atto", "regnetx_002"]
)
def test_timm_models_keep_all_promises(name: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = enliven(build_model(ModelConfig(name=f"timm.models:{name}")))
    image = torch.randn(1, 3, 64, 64)
    space = ChannelSpace.from_model(model, image)
    assert space.cuttable_macs_share >= 0.8
    other = with_other_weights(model)
    check_plan(space, model, other, image, random_widths(space, 0), tmp_path)


@pytest.mark.parametrize("name", ["tf_mobilenetv3_small_minimal_100", "fasternet_t0"])
def test_timm_models_refused_or_fixed_before(name: str) -> None:
    """TensorFlow's padding, and sizes of a split by attributes, in networks as they are."""
    timm = pytest.importorskip("timm")
    if not timm.is_model(name):
        pytest.skip(f"timm {timm.__version__} has no {name}")
    torch.manual_seed(0)
    model = enliven(build_model(ModelConfig(name=f"timm.models:{name}")))
    image = torch.randn(1, 3, 64, 64)
    space = ChannelSpace.from_model(model, image)
    assert space.cuttable_macs_share >= 0.95
    widths = space.scaled(0.5)
    plan = space.plan(widths)
    pruned = plan.apply(model)
    assert counted(pruned, image) == (space.macs(widths), space.params(widths))
    found = onnx_output(space.template.candidate(space.slice_state(plan)), image)
    assert relative_difference(found, output(pruned, image)) <= TOLERANCE
