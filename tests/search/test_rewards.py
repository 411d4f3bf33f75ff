import math
import sys
from pathlib import Path

import pytest

from edgeprune.errors import SearchError
from edgeprune.search import Outcome, make_reward


def _outcome(accuracy: float = 0.8, ratio: float = 0.5, ms: float = 2.0) -> Outcome:
    return Outcome(accuracy, ms, ratio, 1000, 100, 400)


@pytest.fixture
def own_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "own_rewards.py").write_text(
        "def mine(outcome): return outcome.accuracy / outcome.latency_ms\n"
        "def text(outcome): return 'high'\n"
        "def missing(outcome): return None\n"
        "def nan(outcome): return float('nan')\n"
        "number = 3\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "own_rewards", raising=False)
    return "own_rewards"


def test_accuracy() -> None:
    assert make_reward("accuracy", 0.5)(_outcome(0.7, ratio=2.0)) == 0.7


def test_mnas_trades_latency_for_accuracy() -> None:
    reward = make_reward("mnas", 0.5)
    assert reward(_outcome(0.8, 0.5)) == pytest.approx(0.8)
    assert reward(_outcome(0.8, 1.0)) == pytest.approx(0.8 * 2**-0.07)
    assert reward(_outcome(0.8, 0.25)) > 0.8


def test_amc_likes_accuracy_and_speed_below_a_millisecond_too() -> None:
    reward = make_reward("amc", 0.5)
    assert reward(_outcome(0.8, ms=2.0)) == pytest.approx(-0.2 * math.log(2e6))
    assert reward(_outcome(0.9)) > reward(_outcome(0.8))
    assert reward(_outcome(ms=0.01)) > reward(_outcome(ms=0.02))


def test_own_function(own_module: str) -> None:
    assert make_reward(f"{own_module}:mine", 0.5)(_outcome(0.8, ms=2.0)) == pytest.approx(0.4)


@pytest.mark.parametrize("name", ["text", "missing", "nan"])
def test_own_function_that_returns_no_number(own_module: str, name: str) -> None:
    reward = make_reward(f"{own_module}:{name}", 0.5)
    with pytest.raises(SearchError, match="no finite number"):
        reward(_outcome())


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("acuracy", "unknown reward 'acuracy'; allowed: accuracy, amc, mnas.*did you mean 'accura"),
        ("no_such_module:f", "cannot import 'no_such_module'"),
        ("own_rewards:mien", "has no function 'mien'; did you mean 'mine'"),
        ("own_rewards:number", "not a function"),
    ],
)
def test_unknown_rewards(own_module: str, name: str, message: str) -> None:
    with pytest.raises(SearchError, match=message):
        make_reward(name, 0.5)


def test_outcome_survives_json() -> None:
    outcome = Outcome(0.5, 1.5, 0.4, 10, 20, 30, {"samples_ms": [1.0, 2.0]})
    assert Outcome.from_json(outcome.to_json() | {"other": 1}) == outcome
