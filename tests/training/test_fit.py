from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from edgeprune.errors import RunError, UserError
from edgeprune.training import CPU_MODES, FitResult, fit
from edgeprune.training.mode import Mode, fastest_mode
from edgeprune.workloads import ArraySplit


def split(images: int = 48) -> ArraySplit:
    """Four classes of flat images, told apart by their brightness."""
    generator = np.random.default_rng(0)
    labels = np.arange(images) % 4
    noise = generator.integers(0, 30, (images, 3, 8, 8))
    pixels = labels.reshape(-1, 1, 1, 1) * 60 + noise
    return ArraySplit("train", pixels.astype(np.uint8), labels)


def net() -> nn.Sequential:
    torch.manual_seed(1)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Dropout(0.2),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4),
    )  # fmt: skip


def train(model: nn.Module, **changes: object) -> FitResult:
    settings = {"epochs": 4, "lr": 0.05, "batch_size": 16, "weight_decay": 1e-4, "seed": 3}
    return fit(model, split(), **(settings | {"mode": "float32"} | changes))  # type: ignore[arg-type]


def state(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(value, other[name]) for name, value in one.items())


class Killed(Exception):
    """Stands for a kill right after an epoch's checkpoint was written."""


def killed_after(epoch: int, model: nn.Module, **settings: object) -> None:
    def on_epoch(number: int, _: float) -> None:
        if number == epoch:
            raise Killed

    with pytest.raises(Killed):
        train(model, on_epoch=on_epoch, **settings)


def test_learns() -> None:
    model = net()
    result = train(model, epochs=20)
    assert result.losses[-1] < 0.6 * result.losses[0]
    assert len(result.losses) == 20
    assert not model.training


def test_equal_seeds_give_equal_weights_and_other_seeds_others() -> None:
    first, second, third = net(), net(), net()
    train(first)
    torch.rand(5)  # the caller's own random state plays no part
    train(second)
    train(third, seed=4)
    assert same(state(first), state(second))
    assert not same(state(first), state(third))


def test_leaves_the_global_random_state_alone() -> None:
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    model = net()
    torch.manual_seed(7)
    train(model)
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize("mode", CPU_MODES)
@pytest.mark.parametrize("distilled", [False, True], ids=["plain", "distilled"])
def test_resumed_equals_uninterrupted(tmp_path: Path, mode: str, distilled: bool) -> None:
    whole, parts = net(), net()
    settings = {"mode": mode, "teacher": net().eval() if distilled else None}
    expected = train(whole, **settings)
    checkpoint = tmp_path / "checkpoint"
    killed_after(1, parts, checkpoint=checkpoint, **settings)
    fresh = net()
    resumed = train(fresh, checkpoint=checkpoint, **settings)
    assert resumed.losses == expected.losses
    assert same(state(fresh), state(whole))


#: Every setting away from its default.
FULL = {"schedule": "linear", "warmup": 0.2, "distill_weight": 0.9, "ema": 0.8, "clip": 1.0}


@pytest.mark.parametrize("recipe", [{}, FULL], ids=["plain", "full"])
def test_paused_and_continued_equals_uninterrupted(
    tmp_path: Path, recipe: dict[str, object]
) -> None:
    settings = {"teacher": net().eval() if recipe else None, **recipe}
    whole, checkpoint = net(), tmp_path / "checkpoint"
    expected = train(whole, **settings)
    found = []
    for until in (1, 3, 3, None):
        parts = net()
        found.append(train(parts, checkpoint=checkpoint, until=until, **settings).losses)
        assert not parts.training
    assert found == [expected.losses[:count] for count in (1, 3, 3, 4)]
    assert same(state(parts), state(whole))


def test_a_pause_stops_inside_the_schedule_of_all_epochs() -> None:
    paused, short = net(), net()
    train(paused, until=2)
    train(short, epochs=2)
    assert not same(state(paused), state(short))


def test_another_trainings_epochs_are_gone_on_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rates: list[float] = []
    step = torch.optim.SGD.step

    def watched(self: torch.optim.SGD, *given: object, **named: object) -> object:
        rates.append(self.param_groups[0]["lr"])
        return step(self, *given, **named)

    monkeypatch.setattr(torch.optim.SGD, "step", watched)
    whole = train(net())
    expected, rates[:] = rates[:], []
    told: list[int] = []
    killed_after(3, parts := net(), begin=2, epochs=5, checkpoint=tmp_path / "state")
    rates.clear()
    rest = train(
        net(),
        begin=2,
        checkpoint=tmp_path / "other",
        on_epoch=lambda number, _: told.append(number),
    )
    assert rates == expected[len(expected) // 2 :] and told == [2, 3]
    assert len(rest.losses) == 2 and len(whole.losses) == 4
    again = train(parts, begin=2, epochs=5, checkpoint=tmp_path / "state")
    assert len(again.losses) == 3


def test_a_pause_before_the_checkpoint_takes_nothing_back(tmp_path: Path) -> None:
    checkpoint, first, second = tmp_path / "checkpoint", net(), net()
    train(first, checkpoint=checkpoint, until=3)
    assert len(train(second, checkpoint=checkpoint, until=1).losses) == 3
    assert same(state(first), state(second))


def test_a_pause_after_no_epoch_changes_nothing(tmp_path: Path) -> None:
    model = net()
    before = state(model)
    assert train(model, checkpoint=tmp_path / "checkpoint", until=0).losses == ()
    assert same(before, state(model))


def test_a_pause_behind_the_end_is_the_end() -> None:
    one, other = net(), net()
    train(one, until=9)
    train(other)
    assert same(state(one), state(other))


def test_resuming_reports_the_earlier_epochs_too(tmp_path: Path) -> None:
    checkpoint = tmp_path / "checkpoint"
    killed_after(1, net(), checkpoint=checkpoint)
    heard: list[int] = []
    train(net(), checkpoint=checkpoint, on_epoch=lambda epoch, loss: heard.append(epoch))
    assert heard == [0, 1, 2, 3]


def test_a_finished_checkpoint_is_only_loaded(tmp_path: Path) -> None:
    checkpoint, first, second = tmp_path / "checkpoint", net(), net()
    train(first, checkpoint=checkpoint)
    steps: list[int] = []
    train(second, checkpoint=checkpoint, on_batch=lambda done, total: steps.append(done))
    assert same(state(first), state(second))
    assert steps == []


def test_a_checkpoints_mode_comes_first(tmp_path: Path) -> None:
    checkpoint = tmp_path / "checkpoint"
    killed_after(0, net(), checkpoint=checkpoint, mode="bfloat16-channels-last")
    assert train(net(), checkpoint=checkpoint).mode == "bfloat16-channels-last"


def test_the_timed_choice_leaves_no_trace() -> None:
    chosen, forced = net(), net()
    mode = train(chosen, mode=None, epochs=34).mode  # enough steps to be worth a trial
    train(forced, mode=mode, epochs=34)
    assert same(state(chosen), state(forced))


def test_an_average_is_left_in_the_model_also_at_a_pause(tmp_path: Path) -> None:
    plain, averaged, paused, loaded = net(), net(), net(), net()
    assert train(plain).losses == train(averaged, ema=0.9).losses
    assert not same(state(plain), state(averaged))
    for model in (paused, loaded):
        train(model, ema=0.9, checkpoint=tmp_path / "checkpoint", until=2)
    assert same(state(paused), state(loaded))
    assert not same(state(paused), state(averaged))


def test_a_clipped_gradient_moves_the_weights_no_further() -> None:
    def moved(**recipe: object) -> float:
        model = net()
        before = nn.utils.parameters_to_vector(model.parameters()).detach()
        train(model, epochs=1, batch_size=48, weight_decay=0.0, **recipe)
        return float((nn.utils.parameters_to_vector(model.parameters()).detach() - before).norm())

    # One step: 1 + momentum times learning rate times the gradient, as Nesterov has it.
    assert moved(clip=1e-3) == pytest.approx(1.9 * 0.05 * 1e-3, rel=0.01)
    assert moved(clip=1e3) == moved() > 1.9 * 0.05 * 1e-2


def test_an_average_of_masked_weights_is_masked() -> None:
    model = net()

    def mask() -> None:
        with torch.no_grad():
            model[0].weight[0] = 0

    mask()
    train(model, ema=0.9, after_step=mask)
    assert not model[0].weight[0].any()


def test_checkpoints_from_before_the_newer_settings_go_on(tmp_path: Path) -> None:
    checkpoint, resumed, whole = tmp_path / "checkpoint", net(), net()
    train(net(), checkpoint=checkpoint, until=2)
    content = torch.load(checkpoint, weights_only=True)
    for name in ("schedule", "warmup", "distill_weight", "ema", "clip"):
        del content["recipe"][name]
    del content["average"]
    torch.save(content, checkpoint)
    with pytest.raises(RunError, match=r"warmup was 0\.0, now 0\.1"):
        train(net(), checkpoint=checkpoint, warmup=0.1)
    train(resumed, checkpoint=checkpoint)
    train(whole)
    assert same(state(resumed), state(whole))


def test_another_trainings_checkpoint_is_refused(tmp_path: Path) -> None:
    checkpoint = tmp_path / "checkpoint"
    killed_after(0, net(), checkpoint=checkpoint)
    with pytest.raises(RunError, match=r"lr was 0\.05, now 0\.1"):
        train(net(), checkpoint=checkpoint, lr=0.1)
    other = net()
    other[6] = nn.Linear(8, 5)
    with pytest.raises(RunError, match="another model"):
        train(other, checkpoint=checkpoint)


@pytest.mark.parametrize("content", [b"", b"nonsense", b"\x80\x02}q\x00."])
def test_a_broken_checkpoint_is_named(tmp_path: Path, content: bytes) -> None:
    checkpoint = tmp_path / "checkpoint"
    checkpoint.write_bytes(content)
    with pytest.raises(RunError, match="is no training checkpoint"):
        train(net(), checkpoint=checkpoint)


def test_a_loss_that_explodes_is_an_error() -> None:
    with pytest.raises(UserError, match="smaller lr"):
        train(net(), lr=1e30)


def test_unknown_modes_are_named() -> None:
    with pytest.raises(UserError, match="did you mean 'float32'"):
        train(net(), mode="float23")


def test_no_epochs_change_nothing() -> None:
    model = net()
    before = state(model)
    assert train(model, epochs=0).losses == ()
    assert same(before, state(model))
    assert not model.training


def test_a_last_batch_of_one_image_is_left_out() -> None:
    model = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.BatchNorm2d(3), nn.Flatten(), nn.Linear(3, 4))
    steps: list[tuple[int, int]] = []
    fit(
        model, split(17), epochs=2, lr=0.01, batch_size=16, weight_decay=0.0, seed=0,
        mode="float32", on_batch=lambda done, total: steps.append((done, total)),
    )  # fmt: skip
    assert steps == [(1, 2), (2, 2)]


def test_the_teacher_is_learned_from_and_left_alone() -> None:
    teacher, student, other = net(), net(), net()
    train(teacher, epochs=10)
    teacher.train()
    before = state(teacher)
    train(student, teacher=teacher, mode="bfloat16-channels-last")
    train(other, mode="bfloat16-channels-last")
    assert same(before, state(teacher))
    assert not same(state(student), state(other))


def test_weights_stay_contiguous() -> None:
    model = net()
    train(model, mode="bfloat16-channels-last")
    assert all(value.is_contiguous() for value in model.state_dict().values())
    assert all(value.dtype is torch.float32 for value in model.parameters())


def test_frozen_weights_stay() -> None:
    model = net()
    model[0].weight.requires_grad_(False)
    before = model[0].weight.clone()
    train(model)
    assert torch.equal(model[0].weight, before)


def test_auxiliary_outputs_are_left_aside() -> None:
    class WithAuxiliary(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = net()

        def forward(self, images: torch.Tensor) -> object:
            logits = self.net(images)
            return (logits, logits * 0) if self.training else logits

    plain, wrapped = net(), WithAuxiliary()
    train(plain)
    train(wrapped)
    assert same(state(plain), state(wrapped.net))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_a_gpu_trains_too_and_leaves_the_model_on_the_cpu() -> None:
    model = net()
    losses = train(model, mode="cuda", teacher=net().eval()).losses
    assert losses[-1] < losses[0]
    assert {weight.device.type for weight in model.parameters()} == {"cpu"}


def test_a_narrow_strided_shortcut_is_not_trained_in_channels_last() -> None:
    """oneDNN ends the process there: found on a pruned MLPerf Tiny ResNet-8."""
    narrow = nn.Sequential(nn.Conv2d(6, 12, 1, stride=2), nn.Flatten(), nn.LazyLinear(10))
    inputs = torch.randn(4, 6, 8, 8)
    narrow(inputs)
    tried: list[str] = []

    def step(model: nn.Module, mode: Mode) -> None:
        tried.append(mode.name)
        model(mode.place(inputs)).sum().backward()

    assert fastest_mode(narrow, step).name == "float32"
    assert set(tried) == {"float32"}
