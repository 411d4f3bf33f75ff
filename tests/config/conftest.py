from collections.abc import Callable
from pathlib import Path

import pytest

from edgeprune.config import load_pipeline
from edgeprune.errors import ConfigError

GOOD = """\
workload:
  model: {name: resnet20}
  data: {name: digits}
  train: {epochs: 2}
budget: {latency: 0.5x}
"""

Write = Callable[[str], Path]
Complain = Callable[..., str]


@pytest.fixture
def good() -> str:
    """The shortest pipeline that trains its own base model."""
    return GOOD


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a pipeline file."""

    def write(text: str) -> Path:
        path = tmp_path / "pipeline.yaml"
        path.write_text(text)
        return path

    return write


@pytest.fixture
def complain(write: Write) -> Complain:
    """The message about a pipeline's text, with the file called by its name alone."""

    def complain(text: str, *overrides: str) -> str:
        path = write(text)
        with pytest.raises(ConfigError) as caught:
            load_pipeline(path, overrides)
        assert caught.value.exit_code == 2
        return str(caught.value).replace(str(path), path.name)

    return complain
