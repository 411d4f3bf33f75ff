"""The result in another format or precision."""

from typing import Any, Self

from pydantic import ConfigDict

from edgeprune.export import Verification
from edgeprune.export.manifest import WrittenFile
from edgeprune.pipeline.records.compact import Compact, Measured


class ArtifactRecord(Compact, WrittenFile):
    """What was found of an artifact; what a format has to add of its own stands beside it.

    Attributes:
        inaccurate: whether its outputs speak against it.
        reason: why it is not kept.
        bytes: size of the file.
        lint: what in it may be slow; its ``warnings`` are sentences.
        verification: of the file on the test split.
        ratio: latency to the float32 file of its format.
        ratio_interval: 95 % interval of that.
        latency: its measurement.
        not_timed: why it has none.
        verified_on: where its outputs were computed, if not on this machine as they are.
        not_run_there: why the target did not compute them as well.
        difference_there: of the target's outputs to this machine's, as a share of the largest.
        calibration: recipe of int8.
        calibration_sha256: of the images.
        noisiest_db: signal to noise of the worst layers of the first try.
        float_layers: that were kept in float.
        first_try: what was not accurate enough.
        second_try: what was not either.
        qat_epochs: that the third try was trained for int8.
        convert_s: seconds that converting took.
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    inaccurate: bool
    reason: str
    bytes: int
    lint: dict[str, Any]
    verification: Verification | None = None
    ratio: float | None = None
    ratio_interval: tuple[float, float] | None = None
    latency: Measured | None = None
    not_timed: str | None = None
    verified_on: str | None = None
    not_run_there: str | None = None
    difference_there: float | None = None
    calibration: str | None = None
    calibration_sha256: str | None = None
    noisiest_db: dict[str, float] | None = None
    float_layers: tuple[str, ...] | None = None
    first_try: "ArtifactRecord | None" = None
    second_try: "ArtifactRecord | None" = None
    qat_epochs: int | None = None
    convert_s: float | None = None

    @classmethod
    def begun(cls, form: str, precision: str) -> Self:
        """Of an artifact of which nothing is known yet."""
        return cls(
            format=form,
            precision=precision,
            kept=False,
            path=None,
            sha256=None,
            inaccurate=False,
            reason="",
            bytes=0,
            lint={"warnings": []},
        )

    def also(self, **found: Any) -> Self:
        """The record with more that was found."""
        return self.model_copy(update=found)
