"""A finished model: the base, the result, a baseline, or a rung of the ladder."""

from typing import Any

from edgeprune.export import Verification
from edgeprune.pipeline.records.compact import Compact, Measured

_CHOSEN = {"searched": "the search", "magnitude": "global magnitude"}


class BoardLatency(Compact):
    """What one board of a pool measured of a model.

    Attributes:
        board: its name.
        device_id: tells it from others of its make.
        ratio: latency to the base model's on the same board.
        ratio_interval: 95 % interval of that.
        latency_ms: of the model.
        baseline_ms: of the base model.
    """

    board: str
    device_id: str | None = None
    ratio: float
    ratio_interval: tuple[float, float]
    latency_ms: float
    baseline_ms: float


class Finished(Compact):
    """What is known of a model that was written, verified and measured.

    Attributes:
        name: of it and its files.
        widths: kept channels by group, or densities of layers in thousandths.
        macs: multiply-accumulates of one image.
        parameters: that are left.
        bytes: size of its file, in the form and precision of the search.
        verification: of that file on the test split.
        density: share of the prunable weights that is not zero in the file, where those are cut.
        compressed: size of the file after deflate, where weights are cut.
        sparse_bytes: size of the file with sparse initialisers, where weights are cut.
        sparse_compressed: the same after deflate.
        sparse_verification: of that file on the test split.
        found_by: who found its widths.
        roles: the baselines whose plan it is.
        reward_accuracy: on the reward split, after fine-tuning.
        finalists: numbers of the trials among which it was chosen.
        lost: points of accuracy on the reward split below the base model, where that is limited.
        met: whether it is within its budget, and has lost no more than it may.
        ratio: latency to the base model's.
        ratio_interval: 95 % interval of that.
        candidate: its own measurement.
        baseline: the base model's, taken beside it.
        amounts: what it takes beside latency, where that is limited, by the quantity's name.
        used: the same, as a share of what is allowed.
        boards: of a pool, each that measured it; `ratio`, `candidate` and `baseline` are of the
            board with the largest ratio.
    """

    name: str
    widths: dict[str, int]
    macs: int
    parameters: int
    bytes: int
    verification: Verification
    density: float | None = None
    compressed: int | None = None
    sparse_bytes: int | None = None
    sparse_compressed: int | None = None
    sparse_verification: Verification | None = None
    found_by: str | None = None
    roles: tuple[str, ...] = ()
    reward_accuracy: float | None = None
    finalists: tuple[int, ...] = ()
    lost: float | None = None
    met: bool = True
    ratio: float = 1.0
    ratio_interval: tuple[float, float] = (1.0, 1.0)
    candidate: Measured | None = None
    baseline: Measured | None = None
    amounts: dict[str, float] | None = None
    used: dict[str, float] | None = None
    boards: tuple[BoardLatency, ...] | None = None

    @property
    def cost(self) -> float:
        """What the budget is on, as a ratio to the base: the file's density, or its latency."""
        return self.ratio if self.density is None else self.density

    @classmethod
    def upgraded(cls, content: dict[str, Any]) -> dict[str, Any]:
        """Version 1 had roles and the base's measurement under other names."""
        content = dict(content)
        if isinstance(content.get("baseline"), list):
            content["roles"] = content.pop("baseline")
        if "latency" in content:
            content["candidate"] = content.pop("latency")
        if (chosen := content.pop("chosen", None)) is not None:
            content["found_by"] = _CHOSEN.get(chosen, chosen)
        return content
