"""Stage 6, artifacts: the result in other formats and precisions, kept only if right and faster."""

import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgeprune.config import ExportConfig, load_calibration
from edgeprune.devices.worker.tvm_runtime import example_input
from edgeprune.errors import EdgepruneError, MeasurementError, TargetError, VerificationError
from edgeprune.export import Verification, compare_file
from edgeprune.export.formats import (
    Format,
    Made,
    Source,
    device_content,
    file_name,
    open_format,
)
from edgeprune.export.verification import Runner
from edgeprune.files import sha256, write_atomic
from edgeprune.pipeline.aware import trained_for_int8
from edgeprune.pipeline.gates import accuracy_reasons, latency_reasons, transpose_reasons
from edgeprune.pipeline.session import Session
from edgeprune.pipeline.timing import ArtifactTimer
from edgeprune.quantization import CalibrationImages

#: Layers that the second try keeps in float: the noisiest.
KEPT_IN_FLOAT = 3
#: Difference of two processors' outputs, as a share of the largest one: rounding alone.
_ALLOWED_THERE = {"float32": 1e-3, "float16": 0.02, "int8": 0.1}
#: Layers that are named to the user.
_NAMED = 5


def wanted_artifacts(settings: ExportConfig) -> list[tuple[str, str]]:
    """Format and precision of what a pipeline asks for, beside the float32 ONNX file."""
    return [
        (form, precision)
        for form in dict.fromkeys(settings.formats)
        for precision in dict.fromkeys(("float32", *settings.precision))
        if (form, precision) != ("onnx", "float32")
    ]


def stage_of(form: str, precision: str) -> str:
    """The name under which an artifact's record is kept in the run directory."""
    return f"artifact-{form}-{precision}"


def write_artifacts(
    session: Session,
    source: Source,
    accuracy: float,
    settings: ExportConfig,
    wanted: Sequence[tuple[str, str]],
) -> list[dict[str, Any]]:
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
    records: list[dict[str, Any]] = []
    if not wanted:
        return records
    makers: dict[str, _Maker] = {}
    with session.reporter.task("artifacts", len(wanted)) as task, ArtifactTimer(session) as timer:
        for form, precision in wanted:
            record = session.directory.record(stage_of(form, precision))
            if record is None:
                if form not in makers:
                    opened = open_format(form, session.target, session.reporter.say)
                    makers[form] = _Maker(session, timer, form, opened, source, accuracy, settings)
                tries = makers[form].make(precision)
                record = session.directory.finish(stage_of(form, precision), tries)
            records.append(dict(record))
            verdict = "kept" if record["kept"] else record["reason"]
            task.advance(note=f"{form} {precision}: {verdict}")
    return records


@dataclass
class _Maker:
    """Makes and judges the artifacts of one format."""

    session: Session
    timer: ArtifactTimer
    form: str
    format: Format
    source: Source
    accuracy: float
    settings: ExportConfig
    made: Made | None = None

    def make(self, precision: str) -> dict[str, Any]:
        """The artifact; for an int8 one that is not accurate enough, a second with float layers.

        Where that is not enough either, a third one of weights that were trained for it.
        """
        if precision != "int8":
            return self._tried(precision)
        recipe = load_calibration(self.settings.calibration)
        shape = tuple(self.source.example.shape[1:])
        images = CalibrationImages(self.session.workload.splits.train, recipe, shape)
        known: dict[str, Any] = {"calibration": recipe.name, "calibration_sha256": images.digest()}
        first = self._tried(precision, known, images)
        if first["kept"] or not first["inaccurate"] or self.made is None:
            return first
        try:
            noise = self.format.noise(self.source, self.made, images)
        except VerificationError:  # it does not run at all, as its reason says
            return first
        worst = dict(list(noise.items())[:_NAMED])
        kept_float = list(noise)[:KEPT_IN_FLOAT]
        self.session.reporter.say(
            f"{self.form} int8: {first['reason']}; noisiest layers: "
            + ", ".join(f"{name} ({value:.1f} dB)" for name, value in worst.items())
        )
        known |= {"noisiest_db": worst, "first_try": first}
        second = self._tried(precision, known | {"float_layers": kept_float}, images, kept_float)
        epochs = self.settings.qat_epochs
        if second["kept"] or not second["inaccurate"] or epochs == 0:
            return second
        self.session.reporter.say(
            f"{self.form} int8: {second['reason']}; training for int8, {epochs} epochs"
        )
        known |= {"second_try": second, "qat_epochs": epochs}
        source = trained_for_int8(self.session, self.source, epochs)
        return self._tried(precision, known, images, source=source)

    def _tried(
        self,
        precision: str,
        known: dict[str, Any] | None = None,
        images: CalibrationImages | None = None,
        keep_float: Sequence[str] = (),
        source: Source | None = None,
    ) -> dict[str, Any]:
        """Convert and judge; what cannot be converted is no reason to lose the rest of the run."""
        record: dict[str, Any] = {"format": self.form, "precision": precision, **(known or {})}
        start, self.made = time.perf_counter(), None
        try:
            source = source or self.source
            made = self.made = self.format.convert(source, precision, images, keep_float)
        except EdgepruneError as error:
            nothing: dict[str, Any] = {
                "path": None,
                "sha256": None,
                "bytes": 0,
                "lint": {"warnings": []},
            }
            verdict = {"kept": False, "inaccurate": False, "reason": str(error)}
            return record | nothing | verdict
        record |= {"bytes": len(made.content), "convert_s": time.perf_counter() - start}
        return self._judged(precision, made, record | dict(made.details))

    def _judged(self, precision: str, made: Made, record: dict[str, Any]) -> dict[str, Any]:
        """Write an artifact, read it back, run it, time it beside the float32 file, and decide."""
        folder = self.session.directory.path
        name = file_name(self.form, precision, self.session.target)
        path = _write(folder / "rejected" / name, made)
        try:
            lint = self.format.lint(path)
            found = self._compared(path, made, record)
        except VerificationError as error:
            reasons, inaccurate = [str(error)], True
            record.setdefault("lint", {"warnings": []})
        else:
            record |= {"lint": lint.to_json(), "verification": found.to_json()}
            classes = self.session.workload.classes
            wrong = accuracy_reasons(found, precision, self.accuracy, classes, self.settings)
            inaccurate = bool(wrong)
            slow = self._timed(precision, path, record)
            reasons = [*wrong, *slow, *transpose_reasons(lint.transposes, self.settings)]
        for suffix in ("", *made.companions):  # of an earlier export, with another recipe
            (folder / (name + suffix)).unlink(missing_ok=True)
        if not reasons:
            path = _move(path, folder, made)
        record |= {
            "path": str(path.relative_to(folder)),
            "sha256": sha256(path),
            "kept": not reasons,
            "inaccurate": inaccurate,
            "reason": "; ".join(reasons),
        }
        if not any((folder / "rejected").iterdir()):
            (folder / "rejected").rmdir()
        return record

    def _compared(self, path: Path, made: Made, record: dict[str, Any]) -> Verification:
        """The written file over the test split, in its own runtime."""
        split = self.session.workload.splits.test
        if made.stand_in is None:
            return compare_file(path, self.format.run(path), self.source.model, split)
        record["verified_on"] = "the same network compiled for this machine"
        folder = self.session.directory.path / "contenders" / "stand-in"
        try:
            own = _write(folder / path.name, made.stand_in)
            run = self.format.run(own)
            found = compare_file(own, run, self.source.model, split)
            self._compare_there(path, run, record)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return found

    def _compare_there(self, path: Path, run: Runner, record: dict[str, Any]) -> None:
        """One image on the target, beside what the stand-in computes here."""
        try:
            there = self.timer.outputs(self.form, device_content(path))
        except (TargetError, MeasurementError) as error:
            record["not_run_there"] = str(error)
            return
        shape = tuple(self.source.example.shape)
        here = run(example_input({"shape": shape, "dtype": "float32"}))
        difference = float(np.abs(there - here).max() / max(float(np.abs(here).max()), 1e-9))
        record["difference_there"] = difference
        allowed = _ALLOWED_THERE[record["precision"]]
        if not difference <= allowed:
            msg = (
                f"{path.name} computes something else on the target than here: outputs differ by "
                f"{difference:.2g} of their size (allowed: {allowed:g})"
            )
            raise VerificationError(msg)

    def _timed(self, precision: str, path: Path, record: dict[str, Any]) -> list[str]:
        """Note the latency in the record; what speaks against it."""
        plain = precision == "float32"
        candidate = device_content(path)
        try:
            baseline = candidate if plain else self._float_content()
            comparison = self.timer.compare(self.form, candidate, baseline)
        except MeasurementError as error:
            record["not_timed"] = str(error)
            return [f"has no latency: {error}"]
        except TargetError as error:
            if self.form == "onnx":
                raise
            record["not_timed"] = str(error)
            # Of float32 no speed is claimed; another precision has nothing else to be kept for.
            return [] if plain else [f"was not timed, so it is not known to be faster: {error}"]
        record["latency"] = comparison.candidate.to_json()
        if plain:
            return []
        record |= {
            "ratio": comparison.ratio,
            "ratio_interval": list(comparison.ratio_interval),
        }
        return latency_reasons(comparison)

    def _float_content(self) -> bytes:
        """What a device is sent of the float32 file of this format."""
        name = "float32" + Path(file_name(self.form, "float32", self.session.target)).suffix
        path = self.session.directory.path / "contenders" / name
        return device_content(_write(path, self.format.convert(self.source, "float32")))


def _write(path: Path, made: Made) -> Path:
    path.parent.mkdir(exist_ok=True)
    for suffix, content in made.companions.items():
        write_atomic(path.with_name(path.name + suffix), content)
    write_atomic(path, made.content)
    return path


def _move(path: Path, folder: Path, made: Made) -> Path:
    for suffix in made.companions:
        path.with_name(path.name + suffix).rename(folder / (path.name + suffix))
    return path.rename(folder / path.name)
