from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every test has a cache of its own."""
    monkeypatch.setenv("EDGEPRUNE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def make_folder(tmp_path: Path) -> Callable[..., Path]:
    """Writes an image folder with random pictures; `images` per class and part."""

    def make(
        *,
        parts: tuple[str, ...] = ("train", "test"),
        classes: tuple[str, ...] = ("cat", "dog", "eel"),
        images: int = 6,
        size: tuple[int, int] = (20, 20),
        name: str = "pictures",
    ) -> Path:
        random = np.random.default_rng(0)
        root = tmp_path / name
        for part in parts:
            for class_name in classes:
                (root / part / class_name).mkdir(parents=True, exist_ok=True)
                for index in range(images):
                    pixels = random.integers(0, 256, (*size, 3), dtype=np.uint8)
                    path = root / part / class_name / f"{index:02d}.jpg"
                    Image.fromarray(pixels).save(path, quality=95)
        return root

    return make
