"""Published checkpoints score what they are known to score, on the images nobody trained on.

The files are not part of the repository: EDGEPRUNE_SHARED names the folder that has them.
"""

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from edgeprune.config import DataConfig, ModelConfig, WorkloadConfig
from edgeprune.workloads import ArraySplit, Split, build_model, load_workload
from edgeprune.workloads.weights import load_weights, read_weights

SHARED = Path(os.environ.get("EDGEPRUNE_SHARED", Path(__file__).parents[3] / "shared")).resolve()
CHECKPOINTS = SHARED / "checkpoints"
DATA = SHARED / "data"

pytestmark = pytest.mark.skipif(
    not (CHECKPOINTS.is_dir() and DATA.is_dir()) and "CI" not in os.environ,
    reason=f"no checkpoints/ and data/ in {SHARED}; set EDGEPRUNE_SHARED",
)


@pytest.mark.parametrize("name", ["resnet20", "resnet56"])
@pytest.mark.parametrize("kind", ["cifar10-jpeg-", "cifar10-"])
def test_akamasters_names_and_shapes_fit(name: str, kind: str) -> None:
    model = build_model(ModelConfig(name=name))
    state = read_weights(CHECKPOINTS / f"{kind}{name}.pt")
    load_weights(model, state, name)
    assert torch.equal(
        model.state_dict()["layer3.2.bn2.running_var"], state["layer3.2.bn2.running_var"]
    )


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_resnet20_scores_what_it_is_known_to() -> None:
    workload = load_workload(
        WorkloadConfig(
            model=ModelConfig(
                name="resnet20", num_classes=10, weights=CHECKPOINTS / "cifar10-jpeg-resnet20.pt"
            ),
            data=DataConfig(
                name="imagefolder",
                root=DATA / "cifar10-jpeg.tar.xz",
                reward_list=DATA / "cifar10-reward.txt",
                test_list=DATA / "cifar10-test.txt",
            ),
        )
    )
    assert isinstance(workload.splits.train, ArraySplit)
    assert isinstance(workload.splits.train._images, np.memmap)
    assert len(workload.splits.train) == 50_000
    assert _accuracy(workload.model, workload.splits.reward) == pytest.approx(0.8814, abs=2e-4)
    assert _accuracy(workload.model, workload.splits.test) == pytest.approx(0.8868, abs=2e-4)


@torch.inference_mode()
def _accuracy(model: torch.nn.Module, split: Split) -> float:
    hits = [(model(images).argmax(1) == labels).sum() for images, labels in split.batches(250)]
    return int(torch.stack(hits).sum()) / len(split)
