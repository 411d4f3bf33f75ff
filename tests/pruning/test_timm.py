"""Models of another library: timm, by ``module:function``."""

from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

from edgeprune.config import ModelConfig
from edgeprune.errors import SpaceError
from edgeprune.pruning import ChannelSpace
from edgeprune.workloads import build_model
from tests.pruning.nets import enliven
from tests.pruning.promises import check_plan, random_widths, with_other_weights

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


def test_what_cannot_be_followed_names_the_module() -> None:
    model = build_model(ModelConfig(name="timm.models:hrnet_w18_small")).eval()
    with pytest.raises(SpaceError, match=r"Resize in 'stage2\.0\.fuse_layers\.0\.1\.2'"):
        ChannelSpace.from_model(model, torch.randn(1, 3, 64, 64))
