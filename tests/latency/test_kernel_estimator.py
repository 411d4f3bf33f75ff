import json
from pathlib import Path

import numpy as np
import pytest

from edgeprune.devices import Device, LayerTime, open_device
from edgeprune.errors import MeasurementError
from edgeprune.history import History, target_facts, target_key
from edgeprune.latency import (
    PROFILES,
    KernelTable,
    LatencyEstimator,
    NetModel,
    profile_kernels,
    profile_missing,
    profiles_wanted,
    random_widths,
)
from edgeprune.latency.kernel_model import KernelModel
from edgeprune.pruning import ChannelSpace
from tests.devices.targets import local, simulated
from tests.latency.space import candidate_of, net_of, space_of


def _probed(device: Device, space: ChannelSpace, count: int, seed: int = 1) -> KernelTable:
    table, generator = KernelTable(), np.random.default_rng(seed)
    cuts = [random_widths(space.choices, generator) for _ in range(count)]
    found = profile_kernels(
        device, net_of(space), lambda widths: candidate_of(space, widths), cuts, table
    )
    assert found == count
    return table


def _estimator(
    device: Device, space: ChannelSpace, table: KernelTable, measured: int = 10
) -> LatencyEstimator:
    estimator = LatencyEstimator(space.layer_costs_of, space.full, NetModel(net_of(space), table))
    generator = np.random.default_rng(2)
    for _ in range(measured):
        widths = random_widths(space.choices, generator)
        estimator.observe(widths, _ratio(device, space, widths))
    return estimator


def _ratio(device: Device, space: ChannelSpace, widths: dict[str, int]) -> float:
    return device.compare(candidate_of(space, widths), space.template.base).ratio


@pytest.mark.parametrize("staircase", [1, 4, 8, 16])
def test_random_plans_are_predicted_within_two_percent(staircase: int) -> None:
    space, generator = space_of("resnet20"), np.random.default_rng(3)
    with open_device(simulated(staircase=staircase)) as device:
        estimator = _estimator(device, space, _probed(device, space, 30))
        errors = []
        for _ in range(40):
            widths = random_widths(space.choices, generator)
            errors.append(abs(estimator.ratio(widths) / _ratio(device, space, widths) - 1))
    assert np.mean(errors) < 0.01
    assert max(errors) < 0.04  # some of the streams are cut to a tenth
    assert estimator.error is not None and estimator.error < 0.02


@pytest.mark.parametrize("staircase", [1, 8, 16])
def test_more_channels_never_cost_less_where_they_do_not_on_the_device(staircase: int) -> None:
    space, generator = space_of("resnet20"), np.random.default_rng(4)
    with open_device(simulated(staircase=staircase)) as device:
        estimator = _estimator(device, space, _probed(device, space, 30))
    for _ in range(20):
        widths = random_widths(space.choices, generator)
        for name, full in space.full.items():
            wider = {**widths, name: min(widths[name] + 3, full)}
            assert estimator.ratio(wider) >= estimator.ratio(widths) - 1e-9


def test_the_base_costs_one() -> None:
    space = space_of("resnet20")
    with open_device(simulated()) as device:
        table = _probed(device, space, 5)
        assert _estimator(device, space, table, 0).ratio(space.full) == pytest.approx(1, abs=1e-3)
        assert _estimator(device, space, table, 9).ratio(space.full) == pytest.approx(1, abs=1e-2)


class _Reticent:
    """A device whose profile names few layers of some nets."""

    def __init__(self, device: Device) -> None:
        self._device, self._asked = device, 0

    def profile(self, model: bytes) -> list[LayerTime]:
        self._asked += 1
        found = self._device.profile(model)
        return found[-3:] if self._asked % 3 == 0 else found


def test_layers_that_a_profile_does_not_name_do_not_make_the_others_endless() -> None:
    space = space_of("resnet20")
    with open_device(simulated()) as device:
        table = _probed(_Reticent(device), space, 12)  # type: ignore[arg-type]
        estimator = _estimator(device, space, table)
        widths = space.scaled(0.5)
        assert estimator.ratio(widths) == pytest.approx(_ratio(device, space, widths), rel=0.05)
    assert all(np.isfinite(ms).all() for ms in table.times.values())


def test_a_table_read_back_from_a_history_predicts_the_same(tmp_path: Path) -> None:
    space = space_of("resnet20")
    widths = space.scaled(0.6)
    with open_device(simulated()) as device:
        table = _probed(device, space, 20)
    with History.open(str(tmp_path / "history.db")) as history:
        history.target("t", {})
        table.save(history, "t")
        kept = history.kernels("t")
        back = KernelTable.load(history, "t")
        back.save(history, "t")
        assert history.kernels("t") == kept
    assert {kernel: float(np.median(ms)) for kernel, ms in table.times.items()} == {
        kernel: ms for kernel, (ms,) in back.times.items()
    }
    assert NetModel(net_of(space), back).ms(widths) == pytest.approx(
        NetModel(net_of(space), table).ms(widths), rel=0.01
    )


def test_a_table_written_as_json_is_the_same_table() -> None:
    space = space_of("resnet20")
    with open_device(simulated()) as device:
        table = _probed(device, space, 5)
    back = KernelTable.from_json(json.loads(json.dumps(table.to_json())))
    assert back.times == table.times
    assert back.rests == table.rests


def test_what_a_history_knows_is_not_profiled_again(tmp_path: Path) -> None:
    space = space_of("resnet20")
    net = net_of(space)
    asked: list[dict[str, int]] = []

    def candidate(widths: dict[str, int]) -> bytes:
        asked.append(widths)
        return candidate_of(space, widths)

    estimates = []
    with open_device(simulated()) as device, History.open(str(tmp_path / "h.db")) as history:
        facts = target_facts(device.conditions())
        key = target_key(facts)
        history.target(key, facts)
        for profiled in (PROFILES, PROFILES):
            table = KernelTable.load(history, key)
            profile_missing(device, table, net, candidate, space.choices)
            table.save(history, key)
            estimates.append(NetModel(net, table).ms(space.scaled(0.5)))
            assert len(asked) == profiled
    assert estimates[0] == pytest.approx(estimates[1], rel=1e-3)


def test_kernels_of_one_model_serve_another(tmp_path: Path) -> None:
    """ResNet-32 has the kernels of ResNet-20, more often: few measurements do."""
    small, large = space_of("resnet20"), space_of("resnet32")
    generator = np.random.default_rng(5)
    with open_device(simulated()) as device:
        table = _probed(device, small, 30)
        assert profiles_wanted(net_of(small), KernelTable()) == PROFILES
        assert profiles_wanted(net_of(small), table) == 0
        assert 0 < profiles_wanted(net_of(large), table) < PROFILES / 2
        estimator = _estimator(device, large, table)
        plans = [random_widths(large.choices, generator) for _ in range(20)]
        errors = [abs(estimator.ratio(one) / _ratio(device, large, one) - 1) for one in plans]
    assert np.mean(errors) < 0.02


def test_a_slow_path_for_unaligned_channels_is_found_by_itself() -> None:
    """Channels that 4 does not divide take three times as long, as ONNX Runtime has it."""
    space, generator = space_of("resnet20"), np.random.default_rng(6)
    net, times = net_of(space), {}
    for _ in range(30):
        for kernel in net.kernels(random_widths(space.choices, generator)):
            macs = kernel.read * kernel.written * np.prod(kernel.area) * np.prod(kernel.out_size)
            slow = 3.0 if kernel.kind == "conv" and kernel.read % 4 else 1.0
            noise = 1 + 0.02 * generator.standard_normal()
            times[kernel] = [(1e-3 + 1e-7 * macs * slow) * noise]
    model = KernelModel(times)
    assert model.alignments["conv"].multiple == 4


def test_a_device_that_tells_no_layers_apart_leaves_the_table_empty() -> None:
    space = space_of("resnet20")

    class Silent:
        def profile(self, model: bytes) -> list[object]:
            return []

    table = KernelTable()
    make = lambda widths: candidate_of(space, widths)  # noqa: E731
    assert profile_kernels(Silent(), net_of(space), make, [space.full], table) == 0  # type: ignore[arg-type]
    assert not table.times and not table.rests
    with pytest.raises(MeasurementError, match="empty"):
        NetModel(net_of(space), table)


@pytest.mark.slow
def test_a_real_device_is_predicted() -> None:
    space, generator = space_of("resnet20"), np.random.default_rng(7)
    with open_device(local()) as device:
        estimator = _estimator(device, space, _probed(device, space, 30))
        plans = [random_widths(space.choices, generator) for _ in range(10)]
        errors = [abs(estimator.ratio(one) / _ratio(device, space, one) - 1) for one in plans]
    # Far above what was measured on a quiet machine: this one may be busy.
    assert np.median(errors) < 0.08
