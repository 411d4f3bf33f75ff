"""Our samplers and Optuna's hold the contract of `edgeprune.testing.samplers`."""

import pytest

from edgeprune.search import make_sampler
from edgeprune.testing.samplers import MakeSampler, SamplerConformance


class _Named(SamplerConformance):
    name = ""

    @pytest.fixture
    def make(self) -> MakeSampler:
        return lambda problem, seed, trials: make_sampler(self.name, problem, seed, trials, {})


class TestAmc(_Named):
    name = "amc"


class TestRandom(_Named):
    name = "random"


class TestPurl(_Named):
    name = "purl"
    partial_plans = True


class TestQlp(_Named):
    name = "qlp"
    partial_plans = True


class TestUniform(_Named):
    name = "uniform"
    random = False


class TestTpe(_Named):
    name = "optuna:TPESampler"


class TestQmc(_Named):
    name = "optuna:QMCSampler"


class TestNsga(_Named):
    name = "optuna:NSGAIISampler"
