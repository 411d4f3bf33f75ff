import sys
from pathlib import Path
from typing import Any

import pytest

from edgeprune.errors import SearchError
from edgeprune.search import make_sampler
from edgeprune.search.samplers import ProjectedSampler, RandomWidthSampler
from edgeprune.search.samplers.optuna.sampler import optuna_samplers
from edgeprune.testing.samplers import SmallNet

PROBLEM = SmallNet().problem()


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        (
            "acm",
            {},
            "unknown sampler 'acm'; allowed: amc, bocr, .*, purl, qlp, .*did you mean 'amc'",
        ),
        ("optuna:TPSampler", {}, "'TPSampler'; allowed: .*did you mean 'TPESampler'"),
        ("optuna:GridSampler", {}, "unknown Optuna sampler 'GridSampler'"),
        ("optuna:TPESampler", {"n_startup": 3}, "'n_startup' is unknown.*'n_startup_trials'"),
        ("optuna:NSGAIISampler", {"population_size": 1}, "NSGAIISampler cannot be used"),
        ("random", {"warmup": 3}, "'random' takes no options, got 'warmup'"),
        ("uniform", {"warmup": 3}, "'uniform' takes no options"),
        ("no_such_module:make", {}, "cannot import 'no_such_module'"),
    ],
)
def test_unknown_names_and_options(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(SearchError, match=message):
        make_sampler(name, PROBLEM, 0, 10, options)


def test_all_listed_optuna_samplers_can_be_made_or_say_what_is_missing() -> None:
    for name in optuna_samplers():
        try:
            made = make_sampler(f"optuna:{name}", PROBLEM, 0, 10, {})
        except SearchError as error:
            assert "No module named" in str(error) or "install" in str(error)
        else:
            assert isinstance(made, ProjectedSampler)


def test_optuna_options_reach_the_sampler() -> None:
    made = make_sampler("optuna:TPESampler", PROBLEM, 0, 10, {"n_startup_trials": 3})
    assert isinstance(made, ProjectedSampler)
    assert made.inner._n_startup_trials == 3


def test_own_sampler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_sampler.py").write_text(
        "from edgeprune.search.samplers import RandomWidthSampler\n"
        "def make(problem, seed, trials, scale=1): return RandomWidthSampler(problem, seed)\n"
        "def wrong(problem, seed, trials): return 'sampler'\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "own_sampler", raising=False)
    made = make_sampler("own_sampler:make", PROBLEM, 0, 10, {"scale": 2})
    assert isinstance(made, RandomWidthSampler)
    with pytest.raises(SearchError, match=r"no optuna\.samplers\.BaseSampler"):
        make_sampler("own_sampler:wrong", PROBLEM, 0, 10, {})
