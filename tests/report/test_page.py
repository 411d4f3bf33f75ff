import base64
import gzip
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from edgeprune.errors import RunError
from edgeprune.report import Row, Summary, render, write_report
from edgeprune.report.joint_charts import joint_figures
from tests.report.sample import PIPELINE, sample, summary

EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(2)>'\"&"


TO = "\N{EN DASH}"


class _Page(HTMLParser):
    """Every tag with its attributes, and the text outside scripts and styles."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.rows: list[list[str]] = []
        self._inside = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._inside = tag
        if tag == "tr":
            self.rows.append([])

    def handle_data(self, data: str) -> None:
        if self._inside not in {"script", "style"} and data.strip():
            self.text.append(data.strip())
            if self.rows:
                self.rows[-1].append(data.strip())

    @property
    def words(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.text))


@pytest.fixture(scope="module")
def html() -> str:
    return render(summary())


@pytest.fixture(scope="module")
def page(html: str) -> _Page:
    return _Page(html)


def _without_plotly(html: str) -> str:
    return re.sub(r'(id="plotly-packed">)[^<]*', r"\1", html)


def test_says_what_happened_at_the_top(page: _Page) -> None:
    assert "0.49x the latency (1.21 → 0.59 ms)" in page.words
    assert "✓ budget met" in page.words
    assert "40.8 M → 16.7 M MACs" in page.words
    assert "1.12 MB → 460 kB" in page.words


def test_table_has_all_models(page: _Page) -> None:
    by_name = {row[0]: row for row in page.rows if row}
    assert by_name["base model"][1:] == [
        *("98.3%", f"96.4 {TO} 99.2", "1.21 ms", f"1.20 {TO} 1.22", "1.000x"),
        *("40.8 M", "272 k", "1.12 MB"),
    ]
    assert f"0.485x {TO} 0.490x" in by_name["edgeprune (amc)"]
    assert "0.588 ms" in by_name["uniform-L1, same latency"]
    assert "0.593 ms" in by_name["uniform-L1, filled"]
    assert "80 trials" in by_name["random search, same trials"]


def test_every_layer_that_is_not_faster_says_why(page: _Page) -> None:
    assert "14 of 29 layers got faster." in page.words
    assert "13 is not a multiple of 8 channels" in page.words
    assert "the search kept all of them" in page.words
    assert "Little arithmetic" in page.words
    assert "9 more layers without weights" in page.words


def test_fixed_groups_give_their_reason(page: _Page) -> None:
    assert "2 groups could not be cut, and why" in page.words
    assert "zero-padded channels (shortcut A of layer2.0)" in page.words


def test_shows_how_it_was_made(page: _Page) -> None:
    assert "Time of one trial: 993 ms" in page.words
    assert "recover accuracy 310 ms" in page.words
    assert "names the same class as the torch model for 100% of them" in page.words
    assert re.sub(r"\s+", " ", PIPELINE).strip() in page.words
    assert "onnxruntime 1.31.0" in page.words


def test_links_stay_in_the_run_directory() -> None:
    path = "javascript:alert(1)//x y.onnx"
    one = {"path": path, "format": "onnx", "precision": "int8", "kept": True, "reason": ""}
    page = _Page(render(summary(directory="/data/one", artifacts=[{**one, "bytes": 1}])))
    links = [str(attrs["href"]) for tag, attrs in page.tags if tag == "a"]
    assert "model.onnx" in links and len(links) > 5
    assert not any(":" in link or link.startswith("/") for link in links)


def test_loads_nothing(html: str, page: _Page) -> None:
    loading = {"src", "href", "srcset", "action", "data", "poster", "background"}
    assert [tag for tag, attrs in page.tags if loading & set(attrs)] == []
    assert {"link", "iframe", "object", "embed", "base"}.isdisjoint(tag for tag, _ in page.tags)
    ours = _without_plotly(html)
    assert "http:" not in ours and "https:" not in ours and "@import" not in ours
    policy = next(
        attrs["content"]
        for tag, attrs in page.tags
        if tag == "meta" and attrs.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy is not None and policy.startswith("default-src 'none'")
    assert "http" not in policy and "*" not in policy


def test_carries_plotly_and_stays_small(html: str) -> None:
    packed = re.search(r'id="plotly-packed">([^<]*)<', html)
    assert packed is not None
    assert b"plotly.js (basic" in gzip.decompress(base64.b64decode(packed[1]))[:200]
    assert len(html.encode()) < 1_000_000


def test_figures_are_json_that_a_browser_reads(html: str) -> None:
    found = re.search(r'id="figures">(.*?)</script>', html, re.DOTALL)
    assert found is not None
    figures = json.loads(found[1], parse_constant=pytest.fail)
    assert set(figures) == {"trials", "progress"}
    assert all(f'id="chart-{name}"' in html for name in figures)


def _poisoned(value: Any, key: str = "") -> Any:
    if isinstance(value, dict):
        return {name: _poisoned(item, name) for name, item in value.items()}
    if isinstance(value, list):
        return [_poisoned(item, key) for item in value]
    if isinstance(value, str) and key not in {
        *("created", "role", "before_channels", "after_channels"),
    }:
        return EVIL
    return value


def test_names_never_become_markup(page: _Page) -> None:
    poisoned = {**_poisoned(sample()), "notes": [EVIL]}
    poisoned["seconds"] = {EVIL: 1.0}
    html = render(Summary.from_json(poisoned))
    assert "<script>alert" not in html and "<img" not in html
    evil = _Page(html)
    assert EVIL in evil.text
    # One script for the figures, one for plotly, one for drawing: none was added or cut short.
    assert [tag for tag, _ in evil.tags].count("script") == 3
    assert not any(name.startswith("on") for _, attrs in evil.tags for name in attrs)
    assert {tag for tag, _ in evil.tags} <= {tag for tag, _ in page.tags} | {"p"}


def test_a_missed_budget_is_said_at_the_top() -> None:
    data = sample()
    data["budget"]["met"] = False
    data["rows"][1]["note"] = "Even the smallest widths miss it."
    words = _Page(render(Summary.from_json(data))).words
    assert "✗ budget missed" in words and "✓" not in words
    assert "Even the smallest widths miss it." in words


def test_virtual_time_is_labelled_everywhere() -> None:
    target = {**sample()["target"], "clock": "simulated"}
    words = _Page(render(summary(target=target))).words
    assert "0.590 virtual ms" in words and "milliseconds are virtual" in words
    assert not re.search(r"0\.590 ms", words)


def test_a_run_without_search_needs_no_charts() -> None:
    bare = summary(trials=[], layers=[], seconds={}, groups=sample()["groups"][-2:])
    html = render(bare)
    words = _Page(html).words
    assert "No search was run" in words
    assert "No channel group of this model could be cut." in words
    assert "no latency of single layers" in words
    assert "plotly-packed" not in html and len(html) < 50_000


def test_a_summary_built_by_hand_is_checked_too() -> None:
    whole = summary()
    rows: tuple[Row, ...] = tuple(row for row in whole.rows if row.role != "uniform")
    values = {**vars(whole), "rows": rows}
    with pytest.raises(RunError, match="uniform: 0 rows"):
        render(Summary(**values))


def test_is_written_whole_and_the_same_each_time(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    assert write_report(summary(), path) == path
    first = path.read_bytes()
    write_report(summary(), str(path))
    assert path.read_bytes() == first
    assert first.decode().rstrip().endswith("</html>")
    assert [file.name for file in tmp_path.iterdir()] == ["report.html"]


@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs chromium")
def test_a_browser_draws_both_charts(tmp_path: Path) -> None:
    path = write_report(summary(), tmp_path / "report.html")
    command = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]
    flags = [
        "--virtual-time-budget=10000",
        "--enable-logging=stderr",
        f"--user-data-dir={tmp_path / 'profile'}",
    ]
    done = subprocess.run(
        [*command, *flags, path.as_uri()], capture_output=True, text=True, timeout=120, check=True
    )
    assert "CONSOLE" not in done.stderr
    drawn = _without_plotly(done.stdout)
    assert drawn.count("main-svg") >= 2
    assert "over the budget of 0.50x" in drawn and "cannot draw" not in drawn.split("<script")[0]


def test_artifacts_are_listed_with_their_verdict() -> None:
    kept = {"path": "model-int8.onnx", "format": "onnx", "precision": "int8", "kept": True}
    kept |= {"reason": "", "bytes": 104_000, "accuracy": 0.966, "agreement": 0.99, "ratio": 0.71}
    slow = kept | {"path": "rejected/model-float16.onnx", "precision": "float16", "kept": False}
    slow |= {"reason": "is <slower>", "ratio": None, "notes": ["9 Cast nodes"]}
    html = render(summary(artifacts=[kept, slow]))
    words = " ".join(html.split())
    assert "✓ kept" in words and "✗ rejected: is &lt;slower&gt;" in words
    assert "9 Cast nodes" in words and "0.710x" in words
    assert "Artifacts" not in render(summary())


def test_training_and_pruning_together_is_drawn_epoch_by_epoch() -> None:
    plain = summary().to_json()
    assert "Training and pruning together" not in render(summary())
    epochs = [
        {"epoch": 0, "dense": 0.3},
        {"epoch": 1, "dense": 0.5, "pruned": 0.4, "tried": 0.2, "to_cut": 7.0},
        {"epoch": 2, "dense": 0.6, "pruned": 0.5, "to_cut": 6.0, "decoder_error": 0.01},
    ]
    page = render(Summary.from_json(plain | {"joint": epochs}))
    assert "Training and pruning together" in page
    figures = joint_figures(Summary.from_json(plain | {"joint": epochs}))
    whole, pruned, tried = figures["joint"]["data"]
    assert whole["y"] == [0.3, 0.5, 0.6]
    assert pruned["x"] == [2, 3] and pruned["y"] == [0.4, 0.5]
    assert tried["x"] == [2] and tried["y"] == [0.2]
    assert figures["pull"]["data"][1]["y"] == [0.01]


def test_a_removed_block_is_said_to_be_removed() -> None:
    groups = sample()["groups"]
    groups[2]["after"] = 0
    words = _Page(render(summary(groups=groups))).words
    assert "block removed" in words and "16 → 0" not in words
    assert "1 group went with the blocks that were removed." in words
    assert "block removed" not in _Page(render(summary())).words
