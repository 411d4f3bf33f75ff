"""A network that is given an image and two numbers, and data for it."""

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset


class TwoInputs(nn.Module):
    """Four classes: what the image shows, and which number is larger."""

    def __init__(self) -> None:
        super().__init__()
        self.image = nn.Sequential(
            *(nn.Conv2d(1, 24, 3, padding=1), nn.BatchNorm2d(24), nn.ReLU()),
            *(nn.Conv2d(24, 24, 3, stride=2), nn.BatchNorm2d(24), nn.ReLU()),
        )
        self.numbers = nn.Linear(2, 8)
        self.head = nn.Linear(32, 4)

    def forward(self, image: Tensor, numbers: Tensor) -> Tensor:
        seen = self.image(image).mean((2, 3))
        return self.head(torch.cat([seen, torch.relu(self.numbers(numbers))], 1))


class Pairs(Dataset):
    """((image, numbers), class); the pair as a dict where `named`."""

    def __init__(self, count: int, seed: int, *, named: bool = False) -> None:
        draw = torch.Generator().manual_seed(seed)
        self.targets = torch.randint(0, 4, (count,), generator=draw)
        self.images = 0.3 * torch.randn(count, 1, 24, 24, generator=draw)
        self.images += (self.targets % 2).float()[:, None, None, None]
        self.numbers = torch.rand(count, 2, generator=draw)
        self.numbers[:, 0] += (self.targets // 2) * 2 - 1
        self.named = named

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, row: int) -> tuple[object, Tensor]:
        pair = {"image": self.images[row], "numbers": self.numbers[row]}
        return (pair if self.named else tuple(pair.values())), self.targets[row]


def pairs(named: bool = False) -> dict[str, object]:
    """What ``workload.data`` names."""
    parts = {"train": (192, 0), "test": (64, 1), "reward": (64, 2)}
    return {part: Pairs(*drawn, named=named) for part, drawn in parts.items()}
