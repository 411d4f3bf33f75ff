"""Text files: pipelines, targets, plans, bundles and exported histories."""

import json
import random
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import yaml
from safetensors.torch import save

from edgeprune.cli.history_views import import_file
from edgeprune.config import load_pipeline, load_target
from edgeprune.config.dump import dump_pipeline
from edgeprune.errors import EdgepruneError
from edgeprune.export import load_bundle
from edgeprune.files import sha256
from edgeprune.history import History, KernelLatency, Staircase
from edgeprune.history.exchange import export_lines
from edgeprune.pipeline.field import Field
from edgeprune.pipeline.records import Finished, Manifest, Race, RungManifest
from edgeprune.pruning import load_plan
from edgeprune.records import read_record
from edgeprune.workloads.models.torchvision_models import classifier_names
from tests.conftest import ROOT, TINY
from tests.fuzz.mutation import broken_bytes, broken_value, drawn_values, words_of
from tests.fuzz.surface import DocumentSurface, Entering, Surface
from tests.history.example import KEY, MOMENT, remember
from tests.models import tiny_cnn

GOLDEN = ROOT / "tests" / "golden"
_FULL = """\
workload:
  model: {name: resnet20, num_classes: 10, weights: w.pt, shortcut: B, args: {width: 2}}
  data: {name: imagefolder, root: images, reward_split: 0.25, seed: 3}
  train: {epochs: 3, lr: 1e-1}
target: &name simulated
prune: {granularity: channels, importance: l1, channel_multiple: {conv: 4}, min_keep: 0.1}
budget: {latency: [0.7x, 0.5x], accuracy_drop: 2.0}
search: {sampler: qlp, trials: 12, seed: 0, options: {gamma: 0.9, other: *name}}
recover: {reconstruction: least_squares, recalibrate_bn: true, images: 128}
finetune: {epochs: 2, lr: 0.02, distill: true}
export: {formats: [onnx, tflite], precision: [float32, int8], calibration: default}
history: ${HOME}/history.db
"""


def as_yaml(value: Any) -> bytes:
    """A value as YAML; JSON is YAML as well, where the writer gives up."""
    try:
        return yaml.safe_dump(value).encode("utf-8", "surrogatepass")
    except (yaml.YAMLError, RecursionError, ValueError):
        return as_json(value)


def as_json(value: Any) -> bytes:
    """A value as JSON, with NaN and half surrogates as Python writes them."""
    try:
        return json.dumps(value).encode()
    except (RecursionError, ValueError):
        return b"[" * 100_000


def pipeline() -> Surface:
    """`edgeprune run FILE`, up to the first import of a model."""
    values = [yaml.safe_load(text) for text in (TINY, _FULL)]
    values += [yaml.safe_load(path.read_text()) for path in sorted(ROOT.glob("examples/*.yaml"))]
    return DocumentSurface(values, as_yaml, _pipeline, "pipeline.yaml")


def _pipeline(path: Path) -> None:
    """Load it, and write it down as a run does: that has to load to the same."""
    config = load_pipeline(path)
    again = path.with_name("again.yaml")
    again.write_text(dump_pipeline(config), "utf-8")
    assert load_pipeline(again) == config


def target() -> Surface:
    """`--target FILE`."""
    values = [yaml.safe_load(path.read_text()) for path in sorted(ROOT.glob("targets/*.yaml"))]
    values.append({"name": "mine", "extends": "raspberry-pi-4", "threads": 2})
    return DocumentSurface(values, as_yaml, lambda path: load_target(str(path)), "target.yaml")


def plan() -> Surface:
    """``plan.json``, put on the network that it is for."""
    files = [GOLDEN / "channels" / "plan.json", GOLDEN / "weights" / "plan.json"]
    values = [json.loads(path.read_text()) for path in files]
    edits = [{"name": "bn1", "kind": "pass"}, {"name": "stem.2", "kind": "narrow", "channels": 4}]
    edits += [{"name": "conv1", "kind": "zeros", "channels": 24, "stride": 2}]
    edits += [{"name": "head.bias", "kind": "drop"}]
    values.append({**values[0], "slices": {}, "kept": {}, "edits": edits})
    model = tiny_cnn()
    return DocumentSurface(values, as_json, lambda path: load_plan(path).apply(model), "plan.json")


class BundleSurface(DocumentSurface):
    """A bundle from somebody else: its manifest, and weights whose checksum its maker wrote."""

    def __init__(self) -> None:
        classifier_names()  # loads torchvision here, which is no doing of a case
        files = sorted(GOLDEN.glob("*/manifest.json"))
        plan = GOLDEN / "channels" / "plan.json"
        weights = load_plan(plan).apply(tiny_cnn()).state_dict()
        self._files = {
            "plan.json": plan.read_bytes(),
            "model.onnx": b"",
            "weights.safetensors": save({name: one.contiguous() for name, one in weights.items()}),
        }
        super().__init__([json.loads(one.read_text()) for one in files], as_json, _read, "x")
        self._weights = [self._files["weights.safetensors"]]

    def case(self, content: bytes, folder: Path, native: Entering) -> None:
        """See `Surface.case`; what is no JSON object is the weights."""
        files = dict(self._files)
        if not content.lstrip().startswith(b"{"):
            files["weights.safetensors"] = content
        for name, one in files.items():
            (folder / name).write_bytes(one)
        (folder / "manifest.json").write_bytes(self._signed(content, folder))
        _read(folder)

    def mutated(self, generator: random.Random) -> bytes:
        """See `Surface.mutated`."""
        if generator.random() < 0.3:
            return broken_bytes(generator, self._weights)
        return super().mutated(generator)

    def _signed(self, content: bytes, folder: Path) -> bytes:
        """The manifest with the checksums of what is there, where it has a place for them."""
        try:
            value = json.loads(content)
            for name in self._files:
                value["files"][name]["sha256"] = sha256(folder / name)
            return as_json(value)
        except (ValueError, TypeError, KeyError, RecursionError):
            if content.lstrip().startswith(b"{"):
                return content
        value = {"files": {name: {"sha256": sha256(folder / name)} for name in self._files}}
        return as_json({**value, "model": {"name": "tests.models:tiny_cnn"}})


def _read(folder: Path) -> None:
    manifest = folder / "manifest.json"
    _each(
        [
            lambda: load_bundle(folder, build=tiny_cnn),
            lambda: load_bundle(folder),
            *(
                lambda kind=kind: read_record(manifest, kind)
                for kind in (Manifest, RungManifest, Finished, Race, Field)
            ),
        ]
    )


def _each(calls: Iterable[Callable[[], object]]) -> None:
    """All of them, whether or not those before are refused; the first one's refusal is raised."""
    refused: list[EdgepruneError | None] = []
    for call in calls:
        try:
            call()
            refused.append(None)
        except EdgepruneError as error:
            refused.append(error)
    if refused[0] is not None:
        raise refused[0]


class HistorySurface(Surface):
    """`edgeprune history import FILE`, and reading back what came in."""

    def __init__(self, folder: Path) -> None:
        with History.open(str(folder / "valid.db")) as kept:
            remember(kept, trials=3)
            kept.record_kernels(KEY, [KernelLatency({"kind": "conv"}, 1.5, (1.0, 2.0), 30, MOMENT)])
            kept.record_multiples(KEY, {"conv": Staircase(8, 0.25, MOMENT)})
            lines = list(export_lines(kept))
        with History.open(str(folder / "empty.db")):
            pass
        self._empty = (folder / "empty.db").read_bytes()
        self._records: Sequence[Any] = [json.loads(line) for line in lines]
        self.seeds = ["\n".join(lines).encode()]
        self._words = words_of(self._records)

    def case(self, content: bytes, folder: Path, native: Entering) -> None:
        """See `Surface.case`."""
        for path in folder.glob("history.db*"):
            path.unlink()
        database, file = folder / "history.db", folder / "history.jsonl"
        database.write_bytes(self._empty)
        file.write_bytes(content)
        with History.open(str(database)) as kept:
            import_file(kept, file)
            for key in kept.targets():
                kept.kernels(key)
                kept.multiples(key)
            for line in export_lines(kept):
                json.loads(line)

    def mutated(self, generator: random.Random) -> bytes:
        """See `Surface.mutated`; mostly one record with wrong values among valid ones."""
        if generator.random() < 0.3:
            return super().mutated(generator)
        records = list(self._records)
        for _ in range(generator.choice((1, 1, 2))):
            index = generator.randrange(len(records))
            records[index] = broken_value(generator, records[index])
        if generator.random() < 0.1:
            generator.shuffle(records)
        return b"\n".join(map(as_json, records))

    def drawn(self) -> Any:
        """See `Surface.drawn`."""
        lines = drawn_values(self._words).map(as_json)
        return super().drawn() | lines.map(lambda line: self.seeds[0] + b"\n" + line)
