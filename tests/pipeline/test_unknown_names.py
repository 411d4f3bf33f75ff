"""Names that only other rooms know are told when the file is read, before anything is trained."""

from pathlib import Path

import pytest

import edgeprune as ep
from edgeprune.errors import ConfigError
from tests.conftest import TINY


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("search.sampler=acm", "unknown sampler 'acm'; .*did you mean 'amc'"),
        ("search.sampler=knapsak", "unknown sampler 'knapsak'; .*did you mean 'knapsack'"),
        ("search.sampler=optuna:TPESamler", "unknown Optuna sampler .*did you mean 'TPESampler'"),
        ("search.sampler=tests.nowhere:make", "cannot import 'tests.nowhere'"),
        ("search.reward=accurcy", "unknown reward 'accurcy'; .*did you mean 'accuracy'"),
        ("search.options={spred: 1}", "'spred' is unknown to sampler 'knapsack'.*'spread'"),
        ("search.options={random: 2}", "'random' of sampler 'knapsack' is 2"),
    ],
)
def test_a_typo_is_told_before_anything_is_made(
    tmp_path: Path, override: str, message: str
) -> None:
    file = tmp_path / "tiny.yaml"
    file.write_text(TINY)
    overrides = [override]
    if "options" in override:
        overrides.insert(0, "search.sampler=knapsack")
    with pytest.raises(ConfigError, match=f"^--set .*{message}"):
        ep.run(file, run_dir=tmp_path / "run", overrides=overrides, progress=False)
    assert not (tmp_path / "run").exists()


def test_the_line_of_the_file_is_named(tmp_path: Path) -> None:
    file = tmp_path / "tiny.yaml"
    file.write_text(TINY.replace("sampler: ", "sampler: x"))
    line = next(
        number
        for number, text in enumerate(file.read_text().splitlines(), 1)
        if "sampler: x" in text
    )
    with pytest.raises(ConfigError, match=rf"tiny\.yaml:{line}:\d+: search\.sampler: unknown"):
        ep.run(file, run_dir=tmp_path / "run", progress=False)
