"""What stages leave in the run directory for those after them, and for a resumed run."""

from edgeprune.pipeline.records.artifact import ArtifactRecord
from edgeprune.pipeline.records.file_check import FileCheck
from edgeprune.pipeline.records.finished import BoardLatency, Finished
from edgeprune.pipeline.records.manifest import Manifest, RungManifest
from edgeprune.pipeline.records.race import Aside, Heat, Mended, Race
from edgeprune.pipeline.records.small import (
    HistoryRecord,
    Kernels,
    MeasuredPoints,
    Multiples,
    Scoring,
    Tolerance,
    Tolerated,
)

__all__ = [
    "ArtifactRecord",
    "Aside",
    "BoardLatency",
    "FileCheck",
    "Finished",
    "Heat",
    "HistoryRecord",
    "Kernels",
    "Manifest",
    "MeasuredPoints",
    "Mended",
    "Multiples",
    "Race",
    "RungManifest",
    "Scoring",
    "Tolerance",
    "Tolerated",
]
