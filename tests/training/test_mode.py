import time

import pytest
import torch
from torch import nn

from edgeprune.errors import UserError
from edgeprune.training import mode as modes
from edgeprune.training.mode import CPU_MODES, Mode, fastest_mode, mode_named


def chosen(
    seconds: dict[str, float], monkeypatch: pytest.MonkeyPatch, *, bfloat16: bool = True
) -> str:
    """The choice when steps take these times, on a clock and a CPU of our own."""
    clock = [0.0]
    monkeypatch.setattr(modes, "has_bfloat16", lambda: bfloat16)
    monkeypatch.setattr(time, "perf_counter", lambda: clock[0])

    def step(model: nn.Module, mode: Mode) -> None:
        if seconds[mode.name] < 0:
            msg = "view size is not compatible"
            raise RuntimeError(msg)
        clock[0] += seconds[mode.name]

    return fastest_mode(nn.Linear(2, 2), step).name


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ((3.0, 2.0, 1.0), "bfloat16-channels-last"),
        ((1.0, 2.0, 3.0), "float32"),
        ((1.0, 0.95, 0.95), "float32"),
        ((2.0, 1.0, 0.95), "float32-channels-last"),
        ((1.0, -1.0, -1.0), "float32"),
        ((2.0, -1.0, 1.0), "bfloat16-channels-last"),
    ],
)
def test_the_fastest_mode_wins_if_it_is_worth_it(
    times: tuple[float, ...], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert chosen(dict(zip(CPU_MODES, times, strict=True)), monkeypatch) == expected


def test_emulated_bfloat16_is_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    times = dict(zip(CPU_MODES, (3.0, 2.0, 1.0), strict=True))
    assert chosen(times, monkeypatch, bfloat16=False) == "float32-channels-last"


def test_a_model_that_never_runs_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RuntimeError, match="view size"):
        chosen(dict.fromkeys(CPU_MODES, -1.0), monkeypatch)


def test_the_trial_works_on_copies() -> None:
    model = nn.Linear(2, 2)
    before = model.weight.clone()

    def step(trial: nn.Module, mode: Mode) -> None:
        with torch.no_grad():
            trial.weight.zero_()

    fastest_mode(model, step)
    assert torch.equal(model.weight, before)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_named() -> None:
    with pytest.raises(UserError, match="torch sees no CUDA device"):
        mode_named("cuda")
