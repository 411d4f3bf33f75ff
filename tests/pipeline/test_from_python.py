"""What a person does in a notebook: no pipeline file, everything at hand."""

from pathlib import Path
from typing import Any

import optuna
import pytest
import torch

import edgeprune as ep
from edgeprune.errors import UserError
from edgeprune.pipeline.direct import measure
from edgeprune.search.distributions import distributions
from edgeprune.training import fit
from edgeprune.workloads.datasets.digits import digits
from tests.models import tiny_cnn

DATA = digits(image_size=32, seed=0)
#: Everything that is read of a run but its size.
QUICK = ["search.trials=5", "search.sampler=amc", "finetune.epochs=1", "history=none"]


@pytest.fixture(scope="module")
def data() -> ep.Dataset:
    """Digits in three parts; the reward images are none of the training images."""
    rows = torch.randperm(len(DATA.train), generator=torch.Generator().manual_seed(0)).numpy()
    cut = len(rows) // 4
    train, reward = DATA.train.select(rows[cut:], "train"), DATA.train.select(rows[:cut], "reward")
    return ep.Dataset(DATA.classes, train=train, test=DATA.test, reward=reward)


@pytest.fixture(scope="module")
def model(data: ep.Dataset) -> torch.nn.Module:
    torch.manual_seed(0)
    model = tiny_cnn()
    fit(
        model,
        data.train,
        epochs=3,
        lr=0.1,
        batch_size=32,
        weight_decay=0.0,
        seed=0,
        mode="float32-channels-last",  # which one is fastest depends on what else runs
    )
    return model.eval()


@pytest.fixture(scope="module")
def space(model: torch.nn.Module) -> ep.ChannelSpace:
    return ep.ChannelSpace.from_model(model, torch.zeros(1, 3, 32, 32))


def test_any_sampler_in_a_plain_study(
    model: torch.nn.Module, space: ep.ChannelSpace, data: ep.Dataset
) -> None:
    problem = ep.problem(space, budget=0.5)
    study = optuna.create_study(
        direction="maximize", sampler=ep.make_sampler("amc", problem, 0, 6, {})
    )
    for _ in range(6):
        trial = study.ask(distributions(problem))
        assert problem.fits(trial.params)
        plan = space.plan(trial.params)
        study.tell(trial, ep.evaluate(model, plan, data.reward, repair=data.train))
    assert study.best_value > 0.2


def test_repairing_helps(model: torch.nn.Module, space: ep.ChannelSpace, data: ep.Dataset) -> None:
    plan = space.plan(space.scaled(0.6))
    assert ep.evaluate(model, plan, data.test, repair=data.train) > ep.evaluate(
        model, plan, data.test
    )
    assert ep.evaluate(model, space.plan(space.full), data.test) > 0.5


def test_measuring_a_module_a_file_or_its_content(
    model: torch.nn.Module, space: ep.ChannelSpace, tmp_path: Path
) -> None:
    smaller = space.plan(space.scaled(0.5)).apply(model)
    image = torch.zeros(1, 3, 32, 32)
    found = ep.measure(smaller, "simulated", beside=model, example_input=image)
    assert 0.1 < found.ratio < 0.9
    file = tmp_path / "model.onnx"
    file.write_bytes(space.template.base)
    assert ep.measure(file, "simulated").ratio == ep.measure(space.template.base, "simulated").ratio
    with pytest.raises(UserError, match="example_input is None"):
        measure(model, "simulated")
    with pytest.raises(UserError, match=r"nowhere\.onnx is not there"):
        measure(tmp_path / "nowhere.onnx", "simulated")


@pytest.fixture(scope="module")
def searched(
    model: torch.nn.Module, data: ep.Dataset, tmp_path_factory: pytest.TempPathFactory
) -> tuple[ep.RunResult, dict[str, list[Any]]]:
    told: dict[str, list[Any]] = {"stages": [], "trials": [], "epochs": []}
    result = ep.prune(
        model,
        data,
        budget="0.6x",
        target="simulated",
        settings=QUICK,
        run_dir=tmp_path_factory.mktemp("search") / "run",
        progress=False,
        listener=ep.Listener(
            on_stage=told["stages"].append,
            on_trial=told["trials"].append,
            on_epoch=lambda name, epoch, loss: told["epochs"].append((name, epoch, loss)),
        ),
    )
    return result, told


def test_a_search_hands_over_typed_results(
    searched: tuple[ep.RunResult, Any], model: torch.nn.Module
) -> None:
    result, _ = searched
    assert result.met and result.best.latency.ratio <= 0.6
    assert 0 < result.best.accuracy <= 1 and result.best.latency.ms > 0
    assert set(result.baselines) == {"uniform", "filled", "random"}
    # One epoch costs this small network 8 points: it is handed over as recovered.
    assert result.baselines["uniform"].found_by == "uniform-L1, not fine-tuned"
    assert result.best.widths == result.bundle.widths
    smaller = ep.load_bundle(result.directory, build=tiny_cnn)
    assert sum(one.numel() for one in smaller.parameters()) < sum(
        one.numel() for one in model.parameters()
    )


def test_a_listener_is_told_of_everything(searched: tuple[ep.RunResult, Any]) -> None:
    result, told = searched
    assert {"probe", "search amc", "search random", "race"} <= set(told["stages"])
    assert [one for one in told["trials"] if one in result.trials] == result.trials
    assert len(result.trials) == 5 and len(told["trials"]) == 10
    assert {epoch for _, epoch, _ in told["epochs"]} == {1}


def test_the_same_call_goes_on_with_the_run(
    searched: tuple[ep.RunResult, Any], model: torch.nn.Module, data: ep.Dataset
) -> None:
    result, _ = searched
    (result.directory / "stages" / "bundle.json").unlink()
    again = ep.prune(
        *(model, data),
        budget="0.6x",
        target="simulated",
        settings=QUICK,
        run_dir=result.directory,
        progress=False,
    )
    assert again.bundle.result == result.bundle.result


def test_trials_as_a_table(searched: tuple[ep.RunResult, Any]) -> None:
    result, _ = searched
    pandas = pytest.importorskip("pandas")
    table = result.trials_dataframe()
    assert isinstance(table, pandas.DataFrame) and len(table) == 5
    assert {"reward", "latency_ratio", *result.bundle.full_widths} <= set(table.columns)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"budget": "0.6"}, "budget.latency"),
        ({"settings": ["search.sampler=acm"]}, "did you mean 'amc'"),
        ({"target": "locall"}, "did you mean 'local'"),
    ],
)
def test_mistakes_are_told_before_anything_runs(
    changes: dict[str, Any], message: str, model: torch.nn.Module, data: ep.Dataset, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=message):
        ep.prune(model, data, run_dir=tmp_path / "run", progress=False, **changes)
    assert not (tmp_path / "run").exists()


def test_a_trained_model_needs_reward_images_that_it_has_not_seen(
    model: torch.nn.Module, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match="reward"):
        ep.prune(model, DATA, target="simulated", run_dir=tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()
