"""Judging an artifact: written, read back, run over the test images, timed, and kept or not."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgeprune.config import ExportConfig
from edgeprune.devices.worker.tvm_runtime import example_input
from edgeprune.errors import MeasurementError, TargetError, VerificationError
from edgeprune.export import Verification, compare_file
from edgeprune.export.formats import Format, Made, Source, device_content, file_name
from edgeprune.export.verification import Runner
from edgeprune.files import sha256, write_atomic
from edgeprune.pipeline.gates import accuracy_reasons, latency_reasons, transpose_reasons
from edgeprune.pipeline.records import ArtifactRecord
from edgeprune.pipeline.session import Session
from edgeprune.pipeline.timing import ArtifactTimer
from edgeprune.tensors import flattened_inputs

#: Difference of two processors' outputs, as a share of the largest one: rounding alone.
_ALLOWED_THERE = {"float32": 1e-3, "float16": 0.02, "int8": 0.1}


@dataclass(frozen=True)
class Judge:
    """Judges the artifacts of one format.

    Attributes:
        session: the open run.
        timer: times files on the run's device.
        form: the format's name.
        format: the format.
        source: the finished network.
        accuracy: of its float32 ONNX file on the test split.
        settings: the gates.
    """

    session: Session
    timer: ArtifactTimer
    form: str
    format: Format
    source: Source
    accuracy: float
    settings: ExportConfig

    def judge(self, made: Made, known: ArtifactRecord) -> ArtifactRecord:
        """Write an artifact, read it back, run it, time it beside the float32 file, and decide.

        Args:
            made: the artifact.
            known: what is known of it.

        Returns:
            The record with all that was found; the file lies in the run directory if it is
            ``kept``, else in ``rejected/``.
        """
        folder = self.session.directory.path
        name = file_name(self.form, known.precision, self.session.target)
        path = _write(folder / "rejected" / name, made)
        try:
            lint = self.format.lint(path)
            record, found = self._compared(path, made, known)
        except VerificationError as error:
            record, reasons, inaccurate = known, [str(error)], True
        else:
            record = record.also(lint=lint.to_json(), verification=found)
            wrong = self._wrong(record, found)
            record, slow = self._timed(path, record)
            inaccurate = bool(wrong)
            reasons = [*wrong, *slow, *transpose_reasons(lint.transposes, self.settings)]
        for suffix in ("", *made.companions):  # of an earlier export, with another recipe
            (folder / (name + suffix)).unlink(missing_ok=True)
        if not reasons:
            path = _move(path, folder, made)
        if not any((folder / "rejected").iterdir()):
            (folder / "rejected").rmdir()
        return record.also(
            path=str(path.relative_to(folder)),
            sha256=sha256(path),
            kept=not reasons,
            inaccurate=inaccurate,
            reason="; ".join(reasons),
        )

    def _compared(
        self, path: Path, made: Made, known: ArtifactRecord
    ) -> tuple[ArtifactRecord, Verification]:
        """The written file over the test split, in its own runtime."""
        if made.stand_in is None:
            return known, self._verified(path, self.format.run(path))
        folder = self.session.directory.path / "contenders" / "stand-in"
        try:
            own = _write(folder / path.name, made.stand_in)
            run = self.format.run(own)
            found = self._verified(own, run)
            there = self._compared_there(path, run, known)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return there.also(verified_on="the same network compiled for this machine"), found

    def _verified(self, path: Path, run: Runner) -> Verification:
        workload = self.session.workload
        model, split = self.source.model, workload.splits.test
        return compare_file(path, run, model, split, task=workload.task)

    def _compared_there(self, path: Path, run: Runner, known: ArtifactRecord) -> ArtifactRecord:
        """One image on the target, beside what the stand-in computes here."""
        try:
            there = self.timer.outputs(self.form, device_content(path))
        except (TargetError, MeasurementError) as error:
            return known.also(not_run_there=str(error))
        given = {
            name: example_input({"shape": tuple(one.shape), "dtype": "float32"})
            for name, one in flattened_inputs(self.source.example).items()
        }
        here = run(given if len(given) > 1 else next(iter(given.values())))
        difference = max(
            float(np.abs(one - other).max() / max(float(np.abs(other).max()), 1e-9))
            for one, other in zip(there, here, strict=True)
        )
        return known.also(difference_there=difference)

    def _wrong(self, record: ArtifactRecord, found: Verification) -> list[str]:
        """What speaks against its outputs."""
        workload = self.session.workload
        chance = workload.task.chance(workload.classes)
        reasons = accuracy_reasons(found, record.precision, self.accuracy, chance, self.settings)
        difference, allowed = record.difference_there, _ALLOWED_THERE[record.precision]
        if difference is not None and not difference <= allowed:
            reasons.append(
                f"computes something else on the target than here: outputs differ by "
                f"{difference:.2g} of their size (allowed: {allowed:g})"
            )
        return reasons

    def _timed(self, path: Path, record: ArtifactRecord) -> tuple[ArtifactRecord, list[str]]:
        """The record with its latency, and what speaks against that."""
        plain = record.precision == "float32"
        candidate = device_content(path)
        try:
            baseline = candidate if plain else self._float_content()
            comparison = self.timer.compare(self.form, candidate, baseline)
        except MeasurementError as error:
            return record.also(not_timed=str(error)), [f"has no latency: {error}"]
        except TargetError as error:
            if self.form == self.session.form:
                raise
            # Of float32 no speed is claimed; another precision has nothing else to be kept for.
            slow = f"was not timed, so it is not known to be faster: {error}"
            return record.also(not_timed=str(error)), [] if plain else [slow]
        record = record.also(latency=comparison.candidate)
        if plain:
            return record, []
        ratio = {"ratio": comparison.ratio, "ratio_interval": comparison.ratio_interval}
        return record.also(**ratio), latency_reasons(comparison)

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
