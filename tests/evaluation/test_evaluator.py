import json
import threading

import pytest
import torch

from edgeprune.config import RecoverConfig
from edgeprune.devices import Comparison, LayerTime, Measurement
from edgeprune.errors import MeasurementError
from edgeprune.evaluation import Evaluator, Recovery, accuracy
from edgeprune.evaluation import scorer as room
from edgeprune.pruning import ChannelSpace
from tests.evaluation.nets import all_images, noise_split
from tests.models import tiny_cnn


class Bench:
    """A device whose latency is the file's size."""

    def __init__(self) -> None:
        self.seen: list[tuple[bytes, bytes]] = []

    def compare(self, candidate: bytes, baseline: bytes) -> Comparison:
        self.seen.append((candidate, baseline))
        return Comparison(self._measured(candidate), self._measured(baseline))

    def _measured(self, content: bytes) -> Measurement:
        return Measurement((len(content) / 1000,) * 20, 1.0, {"kind": "bench"})

    def profile(self, model: bytes) -> list[LayerTime]:
        return []

    def conditions(self) -> dict[str, object]:
        return {}

    def close(self) -> None: ...

    def __enter__(self) -> "Bench":
        return self

    def __exit__(self, *_: object) -> None: ...


class Lost(Bench):
    def compare(self, candidate: bytes, baseline: bytes) -> Comparison:
        msg = "the worker was lost"
        raise MeasurementError(msg)


@pytest.fixture(scope="module")
def parts() -> dict[str, object]:
    torch.manual_seed(0)
    model, split = tiny_cnn().eval(), noise_split(128, 32)
    space = ChannelSpace.from_model(model, all_images(split)[:1])
    recovery = Recovery(model, split, RecoverConfig(images=64))
    return {
        "plan": space.plan,
        "space": space,
        "template": space.template,
        "recovery": recovery,
        "split": split,
    }


def test_an_outcome_says_what_was_measured(parts: dict[str, object]) -> None:
    bench = Bench()
    space = parts["space"]
    widths = space.scaled(0.5)
    outcome = Evaluator(device=bench, **parts)(widths)
    (candidate, baseline) = bench.seen[0]
    assert baseline == space.template.base
    assert candidate == space.template.candidate(space.slice_state(space.plan(widths)))
    assert outcome.bytes == len(candidate) < len(baseline)
    assert outcome.latency_ms == pytest.approx(len(candidate) / 1000)
    assert outcome.latency_ratio == pytest.approx(len(candidate) / len(baseline))
    assert (outcome.macs, outcome.parameters) == (space.macs(widths), space.params(widths))
    assert outcome.accuracy == accuracy(
        parts["recovery"].recover(space.plan(widths)),
        parts["split"],
        execution=parts["recovery"].execution,
    )


def test_details_are_json_with_the_seconds_of_each_step(parts: dict[str, object]) -> None:
    outcome = Evaluator(device=Bench(), **parts)(parts["space"].scaled(0.5))
    details = json.loads(json.dumps(outcome.details))
    assert set(details["seconds"]) == {"candidate", "recover", "accuracy", "latency"}
    assert all(seconds >= 0 for seconds in details["seconds"].values())
    assert len(details["candidate"]["samples_ms"]) == 20


def test_repeated_trials_are_equal(
    parts: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    widths = parts["space"].scaled(0.4)
    evaluate = Evaluator(device=Bench(), **parts)
    accuracies = {evaluate(widths).accuracy for _ in range(2)}
    monkeypatch.setattr(room, "CACHE_BYTES", 0)
    accuracies.add(Evaluator(device=Bench(), **parts)(widths).accuracy)
    assert len(accuracies) == 1


def test_a_lost_measurement_is_never_an_outcome(parts: dict[str, object]) -> None:
    with pytest.raises(MeasurementError, match="worker was lost"):
        Evaluator(device=Lost(), **parts)(parts["space"].full)


class Far(Bench):
    """Answers only once this machine has scored."""

    def __init__(self) -> None:
        super().__init__()
        self.scored, self.closed = threading.Event(), threading.Event()

    def compare(self, candidate: bytes, baseline: bytes) -> Comparison:
        assert self.scored.wait(30) and not self.closed.is_set()
        return super().compare(candidate, baseline)

    def close(self) -> None:
        self.closed.set()
        self.scored.set()


def test_a_remote_device_measures_while_this_machine_scores(
    parts: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    device = Far()

    def scored(*_: object) -> dict[str, float]:
        device.scored.set()
        return {"top-1": 0.5}

    monkeypatch.setattr(room, "metrics_of", scored)
    outcome = Evaluator(device=device, remote=True, **parts)(parts["space"].scaled(0.5))
    assert outcome.accuracy == 0.5 and len(device.seen) == 1
    assert set(outcome.details["seconds"]) == {"candidate", "recover", "accuracy", "latency"}


def test_a_remote_device_that_is_lost_is_told(parts: dict[str, object]) -> None:
    with pytest.raises(MeasurementError, match="the worker was lost"):
        Evaluator(device=Lost(), remote=True, **parts)(parts["space"].full)


def test_an_interruption_does_not_wait_for_the_device(
    parts: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> dict[str, float]:
        raise KeyboardInterrupt

    device = Far()
    monkeypatch.setattr(room, "metrics_of", interrupted)
    with pytest.raises(KeyboardInterrupt):
        Evaluator(device=device, remote=True, **parts)(parts["space"].full)
    assert device.closed.is_set()
