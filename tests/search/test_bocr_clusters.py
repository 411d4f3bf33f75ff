"""Similar groups are found: BOCR's own clusters of a published checkpoint, and edge cases."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from edgeprune.config import ModelConfig
from edgeprune.errors import SearchError
from edgeprune.pruning import ChannelSpace
from edgeprune.search import SearchProblem
from edgeprune.search.samplers.bocr.clusters import Clustering, density
from edgeprune.search.samplers.bocr.options import BocrOptions
from edgeprune.testing.samplers import SmallNet
from edgeprune.workloads import build_model
from edgeprune.workloads.weights import load_weights, read_weights

SHARED = Path(os.environ.get("EDGEPRUNE_SHARED", Path(__file__).parents[3] / "shared")).resolve()
CHECKPOINT = SHARED / "checkpoints" / "cifar10-resnet56.pt"
#: From the weights alone, layer1.0 to layer3.8; the numbers stand for nothing but equality.
ORACLE = {
    3: "0 1 1 2 1 0 2 0 1  1 2 2 1 1 2 2 1 2  0 2 0 1 1 2 2 1 1",
    9: "1 2 4 6 4 0 8 0 4  2 7 6 3 3 7 6 3 7  0 6 0 3 3 7 6 4 5",
}
NET = SmallNet()


@pytest.mark.skipif(
    not CHECKPOINT.is_file() and "CI" not in os.environ,
    reason=f"no {CHECKPOINT.name} in {SHARED}; set EDGEPRUNE_SHARED",
)
def test_resnet56_has_the_published_clusters() -> None:
    model = build_model(ModelConfig(name="resnet56"))
    weights = read_weights(CHECKPOINT)
    load_weights(model, weights, "resnet56")
    # What the paper cuts: the inner layers of blocks, and no branch as a whole.
    space = ChannelSpace.from_model(
        model, torch.zeros(1, 3, 32, 32), include=["layer*.*.conv1"], check=False, blocks=False
    )
    scores = space.reader_norms
    problem = SearchProblem(
        tuple(scores), space.choices, space.features, space.feature_names, space.macs,
        space.macs, 0.5,
    )  # fmt: skip
    clustering = Clustering(problem, scores, BocrOptions())
    for clusters, oracle in ORACLE.items():
        numbers: dict[str, int] = {}
        expected = [numbers.setdefault(one, len(numbers)) for one in oracle.split()]
        assert clustering.labels(clusters).tolist() == expected


@pytest.mark.parametrize("similarity", ["EU", "JS"])
def test_groups_with_equal_importance_fall_together(similarity: str) -> None:
    draw = np.random.default_rng(0)
    narrow, wide = draw.normal(5, 0.3, 64), draw.normal(8, 3, 64)
    scores = {
        name: narrow + index if index % 2 else wide[::-1] - index  # moved, which changes nothing
        for index, name in enumerate(NET.names)
    }
    options = BocrOptions.from_mapping({"similarity": similarity})
    labels = Clustering(NET.problem(), scores, options).labels(2)
    assert labels.tolist() == [0, 1, 0, 1, 0, 1]


def test_structure_needs_no_scores() -> None:
    net = SmallNet()
    features = np.column_stack([np.zeros(6), net.channels])
    problem = replace(net.problem(), features=features)
    assert Clustering(problem, None, BocrOptions()).labels(3).tolist() == [0, 0, 1, 1, 2, 2]


def test_a_cut_lower_down_only_divides_clusters() -> None:
    clustering = Clustering(NET.problem(), None, BocrOptions())
    coarse, fine = clustering.labels(2), clustering.labels(4)
    assert len(set(zip(coarse, fine, strict=True))) == len(set(fine)) == 4


def test_every_group_is_its_own_where_as_many_clusters_are_asked_for() -> None:
    clustering = Clustering(NET.problem(), None, BocrOptions())
    assert clustering.labels(6).tolist() == clustering.labels(99).tolist() == list(range(6))


def test_equal_scores_have_a_density() -> None:
    found = density([2.0, 2.0, 2.0], BocrOptions())
    assert np.isfinite(found).all()
    assert np.argmax(found) in (499, 500)


def test_the_lower_middle_is_the_median() -> None:
    found = density([0.0, 0.1, 6.0, 6.1], BocrOptions())
    assert np.allclose(found, density([1.0, 1.1, 7.0, 7.1], BocrOptions()))
    # Centred on 0.1 and not on 3.05: half of the mass lies near 5.95.
    grid = np.linspace(-15, 15, 1000)
    assert np.average(grid, weights=found) == pytest.approx(2.95, abs=0.01)


def test_missing_or_broken_scores_are_named() -> None:
    options = BocrOptions(similarity="EU")
    with pytest.raises(SearchError, match="'layer0' has none; similarity: ST"):
        Clustering(NET.problem(), None, options)
    scores = {name: [1.0, 2.0] for name in NET.names} | {"layer3": [1.0, float("nan")]}
    with pytest.raises(SearchError, match="'layer3' must be finite"):
        Clustering(NET.problem(), scores, options)
