"""The device card: what it says of what was measured."""

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from edgeprune.cli.app import app
from edgeprune.report.card import Card, Steps, render_card


def _steps(kind: str, multiple: int, gain: float, *, pixels: int = 196, ms: float = 0.1) -> Steps:
    channels = tuple(range(32, 97))
    times = tuple(ms * count / 32 for count in channels)
    return Steps(kind, channels, times, multiple, gain, pixels)


def _card(**other: object) -> Card:
    facts = {"cpu": "<b>chip</b>", "cores": 4, "runtime": "onnxruntime", "clock": "thread"}
    values = {
        "name": "my-pi",
        "created": "2026-01-01T00:00:00+00:00",
        "conditions": facts | {"memory_bytes": 4_000_000_000},
        "threads": 1,
        "steps": (_steps("conv", 8, 0.44), _steps("depthwise", 1, 0.0, pixels=784, ms=0.16)),
        "noise": 0.008,
        "by_threads": {1: 2.0, 2: 1.2, 4: 1.21},
    }
    return Card(**(values | other))  # type: ignore[arg-type]


def test_it_advises_in_sentences() -> None:
    page = render_card(_card())
    assert "Convolutions: multiples of 8; a width in between costs 44% more." in page
    assert "Depthwise convolutions: any number of channels" in page
    # 0.16 ms for 784 pixels beside 0.1 ms for 196.
    assert "A depthwise layer of 96 channels costs 40% of a convolution on the same image" in page
    assert "2 threads are fastest" in page
    assert "threads: 1, which takes 67% longer than threads: 2" in page
    assert "channel_multiple: {conv: 8}" in page
    assert "off by up to 0.8%" in page
    assert "4.00 GB" in page


def test_it_loads_nothing_and_escapes_what_the_device_says() -> None:
    page = render_card(_card())
    assert "<b>chip</b>" not in page and "&lt;b&gt;chip" in page
    assert "default-src 'none'" in page
    assert not re.search(r"""(src|href)\s*=\s*["']https?:""", page)
    figures = json.loads(re.search(r'id="figures">(.*?)</script>', page, re.S)[1])  # type: ignore[index]
    assert set(figures) == {"steps-conv", "steps-depthwise", "threads"}
    for name in figures:
        assert f'id="chart-{name}"' in page


def test_what_was_not_found_out_is_not_claimed() -> None:
    bare = {"runtime": "simulated", "clock": "simulated"}
    page = render_card(_card(conditions=bare, by_threads={}, steps=(_steps("linear", 1, 0.0),)))
    assert "not probed" in page and "the device does not tell" in page
    assert "fastest" not in page and 'id="chart-threads"' not in page
    assert "virtual" in page


def test_probe_writes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    command = ["target", "probe", "simulated", "--kind", "linear", "--history", "h.db"]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    page = (tmp_path / "simulated.card.html").read_text()
    assert "Linear layers: multiples of 8" in page
    assert CliRunner().invoke(app, [*command, "--card", "no/such/card.html"]).exit_code == 2


def test_a_precision_that_is_not_probed_is_refused(tmp_path: Path) -> None:
    command = ["target", "probe", "simulated", "--history", str(tmp_path / "h.db")]
    command += ["--card", str(tmp_path / "card.html"), "--precision"]
    unknown = CliRunner().invoke(app, [*command, "int9"])
    assert unknown.exit_code == 2
    assert "--precision: 'int9'; allowed: float32, int8; did you mean 'int8'?" in unknown.output
    refused = CliRunner().invoke(app, [*command, "int8"])
    assert refused.exit_code == 2 and "runtime simulated" in refused.output
