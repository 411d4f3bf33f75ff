"""The artifacts: the result in other formats and precisions, kept only if right and faster."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from edgeprune.config import ExportConfig, load_calibration
from edgeprune.errors import EdgepruneError, VerificationError
from edgeprune.export.formats import Made, Source, open_format
from edgeprune.pipeline.aware import trained_for_int8
from edgeprune.pipeline.finishing import finished_source
from edgeprune.pipeline.judging import Judge
from edgeprune.pipeline.records import ArtifactRecord, Finished
from edgeprune.pipeline.session import Session
from edgeprune.pipeline.timing import ArtifactTimer
from edgeprune.quantization import CalibrationImages, for_processor

#: Layers that the second try keeps in float: the noisiest.
KEPT_IN_FLOAT = 3
#: Layers that are named to the user.
_NAMED = 5


def wanted_artifacts(settings: ExportConfig, measured: str = "onnx") -> list[tuple[str, str]]:
    """Format and precision of what is written beside the float32 ONNX file.

    Args:
        settings: what the pipeline asks for.
        measured: format of the files that the search has measured, which a user gets in any case.
    """
    forms = settings.formats if measured == "onnx" else (measured, *settings.formats)
    return [
        (form, precision)
        for form in dict.fromkeys(forms)
        for precision in dict.fromkeys(("float32", *settings.precision))
        if (form, precision) != ("onnx", "float32")
    ]


def stage_of(form: str, precision: str) -> str:
    """The name under which an artifact's record is kept in the run directory."""
    return f"artifact-{form}-{precision}"


def artifacts_of(session: Session, result: Finished) -> list[ArtifactRecord]:
    """The result in all that the pipeline asks for."""
    settings, accuracy = session.config.export, result.verification.accuracy
    source = finished_source(session, "result")
    wanted = wanted_artifacts(settings, session.form)
    return write_artifacts(session, source, accuracy, settings, wanted)


def write_artifacts(
    session: Session,
    source: Source,
    accuracy: float,
    settings: ExportConfig,
    wanted: Sequence[tuple[str, str]],
) -> list[ArtifactRecord]:
    """Write, judge and measure the result in every format and precision that is asked for.

    Args:
        session: the open run.
        source: the finished torch model and its float32 ONNX file.
        accuracy: of that file on the test split.
        settings: the recipe of int8, and the gates.
        wanted: pairs of format and precision.

    Returns:
        One record per artifact, in the order of `wanted`: path in the run directory, whether
        it is ``kept`` and the ``reason`` if not, accuracy, agreement, differences, latency ratio
        to the float32 file of the same format or why it was ``not_timed``, lint. What cannot be
        converted is rejected with the reason, and has no path.
    """
    records: list[ArtifactRecord] = []
    if not wanted:
        return records
    makers: dict[str, _Maker] = {}
    with session.reporter.task("artifacts", len(wanted)) as task, ArtifactTimer(session) as timer:
        for form, precision in wanted:
            record = session.directory.record(stage_of(form, precision), ArtifactRecord)
            if record is None:
                if form not in makers:
                    opened = open_format(form, session.target, session.reporter.say)
                    judge = Judge(session, timer, form, opened, source, accuracy, settings)
                    makers[form] = _Maker(judge)
                tries = makers[form].make(precision)
                record = session.directory.finish(stage_of(form, precision), tries)
            records.append(record)
            verdict = "kept" if record.kept else record.reason
            task.advance(note=f"{form} {precision}: {verdict}")
    return records


@dataclass
class _Maker:
    """Makes the artifacts of one format, and tries again where one is not accurate enough."""

    judge: Judge
    made: Made | None = None

    def make(self, precision: str) -> ArtifactRecord:
        """The artifact; for an int8 one that is not accurate enough, a second with float layers.

        Where that is not enough either, a third one of weights that were trained for it.
        """
        if precision != "int8":
            return self._tried(ArtifactRecord.begun(self.judge.form, precision))
        facts = self.judge.session.device.conditions()
        recipe = for_processor(load_calibration(self.judge.settings.calibration), facts)
        example = self.judge.source.example
        shape = tuple(example.shape[1:]) if isinstance(example, torch.Tensor) else None
        images = CalibrationImages(self.judge.session.workload.splits.train, recipe, shape)
        start = ArtifactRecord.begun(self.judge.form, precision).also(
            calibration=recipe.name, calibration_sha256=images.digest()
        )
        first = self._tried(start, images)
        if first.kept or not first.inaccurate or self.made is None:
            return first
        try:
            noise = self.judge.format.noise(self.judge.source, self.made, images)
        except VerificationError:  # it does not run at all, as its reason says
            return first
        worst = dict(list(noise.items())[:_NAMED])
        kept_float = tuple(noise)[:KEPT_IN_FLOAT]
        self.judge.session.reporter.say(
            f"{self.judge.form} int8: {first.reason}; noisiest layers: "
            + ", ".join(f"{name} ({value:.1f} dB)" for name, value in worst.items())
        )
        start = start.also(noisiest_db=worst, first_try=first)
        second = self._tried(start.also(float_layers=kept_float), images, kept_float)
        epochs = self.judge.settings.qat_epochs
        if second.kept or not second.inaccurate or epochs == 0:
            return second
        self.judge.session.reporter.say(
            f"{self.judge.form} int8: {second.reason}; training for int8, {epochs} epochs"
        )
        start = start.also(second_try=second, qat_epochs=epochs)
        source = trained_for_int8(self.judge.session, self.judge.source, epochs)
        return self._tried(start, images, source=source)

    def _tried(
        self,
        start: ArtifactRecord,
        images: CalibrationImages | None = None,
        keep_float: Sequence[str] = (),
        source: Source | None = None,
    ) -> ArtifactRecord:
        """Convert and judge; what cannot be converted is no reason to lose the rest of the run."""
        began, self.made = time.perf_counter(), None
        source, form = source or self.judge.source, self.judge.format
        try:
            made = self.made = form.convert(source, start.precision, images, keep_float)
        except EdgepruneError as error:
            return start.also(reason=str(error))
        known = start.also(bytes=len(made.content), convert_s=time.perf_counter() - began)
        return self.judge.judge(made, known.also(**made.details))
