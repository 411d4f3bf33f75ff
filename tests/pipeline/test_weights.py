"""Pruning single weights: searched by every sampler of ours, held through fine-tuning, measured."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import optuna
import pytest
import torch
from torch import nn

from edgeprune.config import RecoverConfig, load_target
from edgeprune.devices import Device, open_device
from edgeprune.evaluation import Evaluator, Recovery
from edgeprune.pipeline.problems import density_problem
from edgeprune.pruning import CandidatePlan, ChannelSpace, WeightSpace
from edgeprune.search import make_sampler, run_search
from edgeprune.search.distributions import distributions
from edgeprune.testing.samplers import accuracy_reward
from edgeprune.training import fit
from edgeprune.workloads import ArraySplit
from tests.models import tiny_cnn


def _split(images: int = 96) -> ArraySplit:
    labels = np.arange(images) % 4
    noise = np.random.default_rng(0).integers(0, 30, (images, 3, 32, 32))
    pixels = labels.reshape(-1, 1, 1, 1) * 60 + noise
    return ArraySplit("train", pixels.astype(np.uint8), labels)


@pytest.fixture(scope="module")
def trained() -> nn.Module:
    torch.manual_seed(0)
    model = tiny_cnn()
    fit(model, _split(), epochs=4, lr=0.1, batch_size=16, weight_decay=1e-4, seed=0)
    return model


def _evaluator(
    model: nn.Module,
    device: Device,
    retrain: Callable[[nn.Module, CandidatePlan], None] | None = None,
    reconstruction: str = "least_squares",
) -> Evaluator:
    channels = ChannelSpace.from_model(model, torch.zeros(1, 3, 32, 32))
    space = WeightSpace(model, macs=channels.macs(channels.full))
    return Evaluator(
        plan=space.plan,
        space=space,
        template=channels.template,
        recovery=Recovery(model, _split(), RecoverConfig(images=64, reconstruction=reconstruction)),
        split=_split(),
        device=device,
        retrain=retrain,
    )


@pytest.mark.parametrize("target", ["simulated", "local"])
@pytest.mark.parametrize("sampler", ["purl", "qlp"])
def test_a_search_over_densities_meets_its_budget_and_resumes(
    trained: nn.Module, sampler: str, target: str, tmp_path: Path
) -> None:
    space = WeightSpace(trained)
    problem = density_problem(space, 0.2)
    found = []
    with open_device(load_target(target)) as device:
        evaluate = _evaluator(trained, device)
        for folder, parts in (("whole", (14,)), ("parts", (7, 14))):
            for trials in parts:
                result = run_search(
                    problem,
                    make_sampler(sampler, problem, 0, 14, {}),
                    evaluate,
                    accuracy_reward,
                    trials=trials,
                    directory=tmp_path / folder,
                )
            found.append([trial.widths for trial in result.trials])
    assert found[0] == found[1]
    assert any(space.density(widths) <= 0.2 for widths in found[0])


@pytest.mark.parametrize("sampler", ["amc", "random", "uniform", "optuna:TPESampler"])
def test_other_samplers_search_densities_too(sampler: str) -> None:
    problem = density_problem(WeightSpace(tiny_cnn()), 0.3)
    study = optuna.create_study(sampler=make_sampler(sampler, problem, 0, 5, {}))
    for _ in range(3):
        trial = study.ask(distributions(problem))
        assert problem.fits(problem.check(trial.params))
        study.tell(trial, 0.5)


def test_zeros_save_bytes_but_no_latency(trained: nn.Module) -> None:
    space = WeightSpace(trained)
    with open_device(load_target("simulated")) as device:
        evaluate = _evaluator(trained, device)
        full, sparse = (evaluate(space.scaled(share)) for share in (1.0, 0.1))
    assert sparse.bytes < 0.35 * full.bytes
    assert sparse.latency_ratio == pytest.approx(1.0, abs=0.05)
    assert sparse.parameters < full.parameters and sparse.macs == full.macs


def test_fine_tuning_keeps_what_is_masked_at_zero_and_trains_the_rest(trained: nn.Module) -> None:
    space = WeightSpace(trained)
    plan = space.plan(space.by_magnitude(0.2))
    model = plan.apply(trained)
    start = {name: value.clone() for name, value in model.named_parameters()}
    fit(
        model,
        _split(),
        epochs=2,
        lr=0.05,
        batch_size=16,
        weight_decay=1e-3,
        seed=0,
        after_step=lambda: plan.hold(model),
    )
    modules = dict(model.named_modules())
    for name in space.layers:
        weight, before = modules[name].weight, start[f"{name}.weight"]
        assert not weight[before == 0].any()
        assert (weight[before != 0] != before[before != 0]).any()


def test_purl_cuts_at_its_threshold_of_the_layers_own_weights(trained: nn.Module) -> None:
    space = WeightSpace(trained)
    problem = density_problem(space, 0.2)
    sampler = make_sampler("purl", problem, 0, 20, {"alphas": [0.0, 1.0]})
    weight = trained.conv1.weight.detach()
    share = float((weight.abs() >= weight.std(unbiased=False)).float().mean())
    assert sampler.keep("conv1", 1000, 1) == pytest.approx(1000 * share, abs=1e-3)


def test_retraining_before_the_score_lifts_it_and_holds_the_zeros(trained: nn.Module) -> None:
    space = WeightSpace(trained)
    densities = space.scaled(0.08)
    seen = []

    def retrain(model: nn.Module, plan: CandidatePlan) -> None:
        recipe = {"epochs": 2, "lr": 0.05, "batch_size": 16, "weight_decay": 1e-4, "seed": 0}
        fit(model, _split(), **recipe, after_step=lambda: plan.hold(model))
        seen.append(sum(int((one == 0).sum()) for one in model.state_dict().values()))

    with open_device(load_target("simulated")) as device:
        # Least squares alone gets all of these images right.
        plain = _evaluator(trained, device, None, "none")(densities)
        outcomes = [_evaluator(trained, device, retrain, "none")(densities) for _ in range(2)]
    assert outcomes[0].accuracy > plain.accuracy
    assert outcomes[0].accuracy == outcomes[1].accuracy
    removed = sum(space.full.values()) - sum(space.plan(densities).kept.values())
    assert seen[0] >= removed
