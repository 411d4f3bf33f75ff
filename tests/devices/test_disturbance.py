"""Measurements that the device's own state spoils."""

from typing import Any

import pytest

from edgeprune.config.target import EnvironmentConfig
from edgeprune.devices.disturbance import refuse_disturbed
from edgeprune.errors import MeasurementError

QUIET = {"governor": "performance", "frequency_mhz": 1500.0, "temperature_c": 50.0}
NOTHING_READABLE = dict.fromkeys((*QUIET, "throttled"))


@pytest.mark.parametrize("state", [QUIET, NOTHING_READABLE, {}, {**QUIET, "throttled": False}])
def test_a_quiet_device_is_believed(state: dict[str, Any]) -> None:
    refuse_disturbed(state, state, EnvironmentConfig(max_temperature_c=80.0))


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (QUIET, {**QUIET, "throttled": True}, "was throttled while it was measured"),
        ({**QUIET, "throttled": True}, QUIET, "use its own power supply"),
        (QUIET, {**QUIET, "temperature_c": 81.0}, "is at 81 degrees; its profile allows 80"),
        (QUIET, {**QUIET, "frequency_mhz": 1200.0}, "changed from 1500 to 1200 MHz"),
    ],
)
def test_a_disturbed_one_is_not(before: dict[str, Any], after: dict[str, Any], said: str) -> None:
    with pytest.raises(MeasurementError, match=said):
        refuse_disturbed(before, after, EnvironmentConfig(max_temperature_c=80.0))


def test_a_governor_that_follows_the_load_may_change_the_clock() -> None:
    state = {**QUIET, "governor": "ondemand"}
    refuse_disturbed(state, {**state, "frequency_mhz": 900.0}, EnvironmentConfig())
