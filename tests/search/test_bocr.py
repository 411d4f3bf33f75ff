import pytest

from edgeprune.search import make_sampler
from edgeprune.testing.samplers import MakeSampler, SamplerConformance

NAME = "edgeprune.search.samplers.bocr:make_bocr"


class _Conformance(SamplerConformance):
    rollback = ""

    @pytest.fixture
    def make(self) -> MakeSampler:
        options = {"rollback": self.rollback, "bridge_clusters": 4}
        return lambda problem, seed, trials: make_sampler(NAME, problem, seed, trials, options)


class TestDirect(_Conformance):
    rollback = "direct"


class TestGradual(_Conformance):
    rollback = "gradual"
