"""The device card: what a device was found to be like, on one page that loads nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgeprune.devices.clocks import unit_of
from edgeprune.files import write_atomic
from edgeprune.report.card_charts import staircase_figure, threads_figure
from edgeprune.report.card_sentences import KIND_NAMES, advice, multiples_text
from edgeprune.report.page import environment
from edgeprune.report.plotly_source import packed_plotly

#: What is said of a device, by the name of the condition.
_FACTS = {
    "board": "board",
    "cpu": "processor",
    "machine": "architecture",
    "cores": "cores",
    "system": "system",
    "runtime": "runtime",
    "version": "its version",
    "precision": "precision",
    "clock": "clock",
    "governor": "governor",
    "python": "Python",
}


@dataclass(frozen=True)
class Steps:
    """How the time of one kind of layer depends on its channels.

    Attributes:
        kind: of layer.
        channels: that were timed.
        ms: of one layer.
        multiple: in which its kernels work; 1: in none.
        gain: how much longer widths in between take.
        pixels: of the image.
    """

    kind: str
    channels: tuple[int, ...]
    ms: tuple[float, ...]
    multiple: int
    gain: float
    pixels: int


@dataclass(frozen=True)
class Card:
    """What the card shows.

    Attributes:
        name: of the target's profile.
        created: when, ISO 8601.
        conditions: what the device said of itself.
        threads: of the profile.
        steps: by kind of layer.
        noise: how far a network beside itself was off 1.
        by_threads: milliseconds of one network by the count of threads.
    """

    name: str
    created: str
    conditions: Mapping[str, Any]
    threads: int
    steps: tuple[Steps, ...]
    noise: float
    by_threads: Mapping[int, float]

    @property
    def unit(self) -> str:
        """The unit of every time on the card."""
        return unit_of(str(self.conditions.get("clock", "wall")))

    @property
    def best_threads(self) -> int | None:
        """The count with which the network was fastest; None where one alone was tried."""
        if len(self.by_threads) < 2:
            return None
        return min(self.by_threads, key=lambda count: self.by_threads[count])


def write_card(card: Card, path: Path) -> Path:
    """Write the page, whole or not at all.

    Args:
        card: what it shows.
        path: of the HTML file; its folder exists.
    """
    write_atomic(path, render_card(card).encode())
    return path


def render_card(card: Card) -> str:
    """The page's text."""
    charts = {f"steps-{one.kind}": staircase_figure(one, card.unit) for one in card.steps}
    if card.best_threads is not None:
        charts["threads"] = threads_figure(card.by_threads, card.threads, card.unit)
    return environment().get_template("card.html.j2").render(
        card=card,
        facts={
            title: card.conditions[name] for name, title in _FACTS.items()
            if card.conditions.get(name) is not None
        },
        memory=card.conditions.get("memory_bytes"),
        advice=advice(card.steps, card.noise, card.threads, card.by_threads, card.unit),
        multiples=multiples_text(card.steps),
        kind_names=KIND_NAMES,
        charts=charts,
        plotly=packed_plotly(),
    )  # fmt: skip
