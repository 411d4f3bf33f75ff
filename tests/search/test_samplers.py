"""Our samplers and Optuna's hold the contract of `edgeprune.testing.samplers`."""

from typing import ClassVar

import pytest

from edgeprune.search import make_sampler, sampler_spec
from edgeprune.testing.samplers import MakeSampler, SamplerConformance, SmallNet

#: Residual: two blocks may go, and the search is told how sensitive layers are.
RESIDUAL = SmallNet(blocks=((1, 2), (4, 5)), curves=True, target=0.45)


class _Named(SamplerConformance):
    name = ""
    options: ClassVar[dict[str, str]] = {}

    @pytest.fixture
    def make(self) -> MakeSampler:
        return lambda problem, seed, trials: make_sampler(
            self.name, problem, seed, trials, self.options
        )


class TestAmc(_Named):
    name = "amc"


class TestAmcPublished(_Named):
    name, options = "amc", {"critic": "step"}


class TestAmcWithoutCritic(_Named):
    name, options = "amc", {"critic": "none"}


class TestRandom(_Named):
    name = "random"


class TestKnapsack(_Named):
    name = "knapsack"


class _Residual(_Named):
    @pytest.fixture
    def net(self) -> SmallNet:
        return RESIDUAL


class TestAmcWithBranches(_Residual):
    name = "amc"


class TestAmcPublishedWithBranches(_Residual):
    name, options = "amc", {"critic": "step"}


class TestReinforceWithBranches(_Residual):
    name, options = "amc", {"critic": "none"}


class TestHistoryWithBranches(_Residual):
    name = "history"


class TestKnapsackWithBranches(_Residual):
    name = "knapsack"


class TestRandomWithBranches(_Residual):
    name = "random"


class TestUniformWithBranches(_Residual):
    name = "uniform"
    random = False


class TestPurlWithBranches(_Residual):
    name = "purl"
    partial_plans = True
    several = False


class TestQlpWithBranches(_Residual):
    name = "qlp"
    partial_plans = True
    several = False


class TestTpeWithBranches(_Residual):
    name = "optuna:TPESampler"


class TestPurl(_Named):
    name = "purl"
    partial_plans = True
    several = False


class TestQlp(_Named):
    name = "qlp"
    partial_plans = True
    several = False


class TestUniform(_Named):
    name = "uniform"
    random = False


class TestTpe(_Named):
    name = "optuna:TPESampler"


class TestQmc(_Named):
    name = "optuna:QMCSampler"


class TestCmaEs(_Named):
    name = "optuna:CmaEsSampler"


class TestNsga(_Named):
    name = "optuna:NSGAIISampler"


@pytest.mark.parametrize("kind", _Named.__subclasses__() + _Residual.__subclasses__())
def test_the_specs_say_which_samplers_take_several_at_once(kind: type[_Named]) -> None:
    if kind.name:
        assert (sampler_spec(kind.name).several is not None) is kind.several
