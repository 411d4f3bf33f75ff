"""Every task of ours, and one that a user wrote, through the kit."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F

from edgeprune.tasks import Targets, Task, make_task
from edgeprune.tasks.dense_boxes import dense_boxes
from edgeprune.testing.tasks import TaskConformance
from edgeprune.workloads import TorchSplit


def _random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


class TestClassification(TaskConformance):
    @pytest.fixture
    def task(self) -> Task:
        return make_task("classification")

    @pytest.fixture
    def targets(self) -> torch.Tensor:
        return torch.arange(48) % 3

    @pytest.fixture
    def perfect(self, targets: torch.Tensor) -> torch.Tensor:
        return 9.0 * F.one_hot(targets, 3)

    @pytest.fixture
    def guessing(self) -> torch.Tensor:
        return _random(48, 3)


class TestSegmentation(TaskConformance):
    tolerance = 0.25  # chance is what no answer of one class can exceed

    @pytest.fixture
    def task(self) -> Task:
        return make_task("segmentation")

    @pytest.fixture
    def targets(self) -> torch.Tensor:
        masks = torch.arange(12 * 64).reshape(12, 8, 8) % 3
        masks[:, 0, :2] = 255
        return masks

    @pytest.fixture
    def perfect(self, targets: torch.Tensor) -> dict[str, torch.Tensor]:
        logits = F.one_hot(targets.where(targets < 255, 0), 3).permute(0, 3, 1, 2)
        return {"out": 9.0 * logits, "aux": 4.0 * logits[..., ::2, ::2]}

    @pytest.fixture
    def guessing(self) -> dict[str, torch.Tensor]:
        return {"out": _random(12, 3, 8, 8), "aux": _random(12, 3, 4, 4)}


class TestRegression(TaskConformance):
    @pytest.fixture
    def task(self, targets: torch.Tensor) -> Task:
        task = make_task("regression", args={"unit": "m"})
        items = list(zip(torch.zeros(24, 3, 4, 4), targets, strict=True))
        task.prepare(TorchSplit("train", items))
        return task

    @pytest.fixture
    def targets(self) -> torch.Tensor:
        return _random(24, 2) * torch.tensor([1.0, 50.0]) + 3

    @pytest.fixture
    def perfect(self, targets: torch.Tensor) -> torch.Tensor:
        return targets.clone()

    @pytest.fixture
    def guessing(self, targets: torch.Tensor) -> torch.Tensor:
        return targets.mean(0) + 0.01 * _random(24, 2, seed=1)


class TestDetection(TaskConformance):
    strides = (8, 16)

    @pytest.fixture
    def task(self) -> Task:
        return make_task("detection", args={"image_size": 64})

    @pytest.fixture
    def targets(self) -> Targets:
        random = torch.Generator().manual_seed(0)
        found = []
        for image in range(8):
            # Each in a part of the image of its own: two small ones above, a large one below.
            corners = torch.tensor([[4.0, 2.0], [34.0, 2.0], [2.0, 28.0]])[: image % 4]
            sides = torch.tensor([[22.0, 22.0], [22.0, 22.0], [50.0, 30.0]])[: image % 4]
            sides = sides - 4 * torch.rand(sides.shape, generator=random)
            labels = torch.randint(3, (len(corners),), generator=random)
            found.append({"boxes": torch.cat([corners, corners + sides], 1), "labels": labels})
        return found

    @pytest.fixture
    def perfect(self, targets: Targets) -> list[torch.Tensor]:
        maps = [torch.full((8, 7, 64 // each, 64 // each), -9.0) for each in self.strides]
        for stride, found in zip(self.strides, maps, strict=True):
            flat = found.flatten(2)
            centres = dense_boxes([found], 64, 64).centres
            for image, target in enumerate(targets):
                for box, label in zip(target["boxes"], target["labels"], strict=True):
                    away = torch.cat([centres - box[:2], box[2:] - centres], 1) / stride
                    inside = (away > 0.05).all(1)
                    # softplus backwards
                    flat[image, :4, inside] = away[inside].expm1().log().T
                    flat[image, 4 + label, inside] = 9.0
        return maps

    @pytest.fixture
    def guessing(self, perfect: list[torch.Tensor]) -> list[torch.Tensor]:
        return [_random(*one.shape, seed=2) for one in perfect]


class TestUsersOwn(TaskConformance):
    @pytest.fixture
    def task(self) -> Task:
        return make_task("tests.tasks.user_tasks:Depth", args={"farthest": 20.0})

    @pytest.fixture
    def targets(self) -> torch.Tensor:
        return 5 + 0.9 * _random(10, 4, 4)

    @pytest.fixture
    def perfect(self, targets: torch.Tensor) -> Any:
        return targets[:, None].clone()

    @pytest.fixture
    def guessing(self) -> torch.Tensor:
        return 15 + _random(10, 1, 4, 4, seed=3)
