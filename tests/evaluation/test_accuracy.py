import torch
from torch import nn

from edgeprune.evaluation import Execution, accuracy
from tests.evaluation.nets import all_images, noise_split


class Answers(nn.Module):
    """Says the same thing about every image."""

    def __init__(self, *logits: float) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.tensor(logits, dtype=torch.float32))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.logits.expand(len(images), -1)


class Viewing(nn.Module):
    """Reshapes with `view`, which channels-last tensors do not allow."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.head = nn.Conv2d(3, 4, 3), nn.Linear(4 * 36, 4)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head(self.conv(images).view(images.shape[0], -1))


def test_counts_every_image_once() -> None:
    split = noise_split(30)  # labels 0, 1, 2, 3 in turn: eight times 0 and 1, seven times 2 and 3
    assert accuracy(Answers(1, 0, 0, 0), split, 7) == 8 / 30
    assert accuracy(Answers(0, 0, 0, 1), split, 64) == 7 / 30


def test_logits_that_are_not_finite_are_wrong() -> None:
    assert accuracy(Answers(float("nan"), 0, 0, 0), noise_split()) == 0
    assert accuracy(Answers(float("inf"), 0, 0, 0), noise_split()) == 0


def test_scores_in_eval_mode() -> None:
    model = nn.Sequential(Answers(1, 0, 0, 0), nn.Dropout(1.0)).train()
    assert accuracy(model, noise_split()) == 0.25
    assert not model.training


def test_a_model_that_needs_contiguous_images_gets_them() -> None:
    split = noise_split()
    images = all_images(split)[:1]
    assert not Execution.for_model(Viewing(), images).channels_last
    assert Execution.for_model(nn.Conv2d(3, 4, 3), images).channels_last
    accuracy(Viewing(), split, execution=Execution.for_model(Viewing(), images))


def test_layout_does_not_change_what_is_scored() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 36, 4))
    split = noise_split(256)
    assert accuracy(model, split, execution=Execution(True)) == accuracy(model, split)
    assert model[0].weight.is_contiguous()
