"""`edgeprune inspect --clusters`: groups and dendrogram."""

import json
from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

from edgeprune.cli.app import app
from edgeprune.cli.clusters import dendrogram
from edgeprune.search.samplers.bocr.clusters import Clustering
from edgeprune.search.samplers.bocr.options import BocrOptions
from edgeprune.testing.samplers import SmallNet

MODEL = ["inspect", "tests.models:tiny_cnn", "--input", "1x3x32x32"]


def _dendrogram(*values: float) -> list[str]:
    net = SmallNet(channels=(16,) * len(values), sensitivity=(0.1,) * len(values))
    features = np.array([[0.0, value] for value in values])
    clustering = Clustering(replace(net.problem(), features=features), None, BocrOptions())
    return dendrogram(clustering, [f"g{index}" for index in range(len(values))])


def test_what_is_alike_joins_first() -> None:
    assert _dendrogram(0.0, 10.0, 1.0, 10.5) == [
        "g1 ──┬────────────────────────────────────────────┐",
        "g3 ──┘                                            │",
        "g0 ───┬───────────────────────────────────────────┘",
        "g2 ───┘",
    ]


@pytest.mark.parametrize("groups", [2, 3, 9, 30])
def test_every_group_has_a_line_and_no_branch_ends_in_the_air(groups: int) -> None:
    lines = _dendrogram(*np.random.default_rng(groups).random(groups))
    assert sorted(line.split()[0] for line in lines) == sorted(f"g{i}" for i in range(groups))
    text = "".join(lines)
    # Each of the joints has a lower corner; an upper one, unless the stem leaves from there.
    assert text.count("┘") == groups - 1
    assert text.count("┐") + text.count("┬") == groups - 1


def test_equal_groups_and_single_ones_are_drawn() -> None:
    assert len(_dendrogram(1.0, 1.0, 1.0)) == 3
    assert _dendrogram(1.0) == ["g0"]


def test_clusters_are_numbered_and_listed() -> None:
    result = CliRunner().invoke(app, [*MODEL, "--clusters", "2"])
    assert result.exit_code == 0
    assert "cluster 1 (" in result.stdout and "cluster 2 (" in result.stdout
    assert "┘" in result.stdout


def test_clusters_as_json() -> None:
    result = CliRunner().invoke(app, [*MODEL, "--clusters", "2", "--json"])
    record = json.loads(result.stdout)
    free = [group["name"] for group in record["groups"] if group["fixed"] is None]
    assert list(record["clusters"]) == free
    assert set(record["clusters"].values()) == {0, 1}
    plain = json.loads(CliRunner().invoke(app, [*MODEL, "--json"]).stdout)
    assert "clusters" not in plain


@pytest.mark.parametrize("count", ["0", "1000"])
def test_a_number_of_clusters_that_cannot_be_is_refused(count: str) -> None:
    result = CliRunner().invoke(app, [*MODEL, "--clusters", count])
    assert result.exit_code == 2
    assert f"--clusters {count}" in result.stderr and "allowed: 1 to" in result.stderr
