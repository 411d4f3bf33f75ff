import json

import pytest

from edgeprune.errors import RunError
from edgeprune.report import Summary
from tests.report.sample import sample, summary


def test_survives_a_json_file() -> None:
    first = summary()
    assert Summary.from_json(json.loads(json.dumps(first.to_json()))) == first


@pytest.mark.parametrize("role", ["base", "result", "uniform", "filled", "random"])
def test_every_role_has_exactly_one_row(role: str) -> None:
    data = sample()
    rows = data["rows"]
    data["rows"] = [row for row in rows if row["role"] != role]
    with pytest.raises(RunError, match=f"got {role}: 0 rows"):
        Summary.from_json(data)
    data["rows"] = rows + [row for row in rows if row["role"] == role]
    with pytest.raises(RunError, match=f"got {role}: 2 rows"):
        Summary.from_json(data)


def test_one_message_names_every_problem() -> None:
    data = sample()
    data["verison"] = data.pop("version")
    data["created"] = "yesterday"
    data["rows"][2]["accuracy"] = 97.4
    data["trials"][3]["ratio"] = float("nan")
    data["layers"][0]["before_channels"] = "3 to 16"
    data["rows"][1]["interval_ms"] = [2.0, 1.0]
    with pytest.raises(RunError) as raised:
        Summary.from_json(data)
    message = str(raised.value)
    assert "version: missing" in message
    assert "verison: unknown key; did you mean 'version'?" in message
    assert "created: " in message and "'yesterday'" in message
    assert "rows.2.accuracy: " in message and "97.4" in message
    assert "trials.3.ratio: " in message and "nan" in message
    assert "layers.0.before_channels: " in message
    assert "rows.1.interval_ms: " in message and "above the upper end 1.0" in message


@pytest.mark.parametrize(
    ("clock", "unit"),
    [("wall", "ms"), ("instructions", "virtual ms"), ("simulated", "virtual ms")],
)
def test_virtual_clocks_are_never_called_milliseconds(clock: str, unit: str) -> None:
    assert summary(target={**sample()["target"], "clock": clock}).target.unit == unit
