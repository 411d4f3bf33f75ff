"""Manifests: what a bundle is, how it was made, and what it was compared with."""

from typing import Any, Literal

from pydantic import Field

from edgeprune.export.manifest import BundleManifest
from edgeprune.pipeline.records.artifact import ArtifactRecord
from edgeprune.pipeline.records.finished import Finished
from edgeprune.report import Budget, Group, Layer
from edgeprune.report.judged import Judged
from edgeprune.report.ladder import Rung
from edgeprune.report.race import Raced


class _Made(BundleManifest):
    """How any bundle was made.

    Attributes:
        created: when, ISO 8601.
        seed: of the search.
        sampler: its name.
        granularity: what was cut.
        task: what the model is for.
        judged: what its accuracy is.
        units: of all metrics by name; ``%`` for shares.
        target: where latency was measured: the profile's name and the device's conditions.
        host: where it was trained.
        race: how it was chosen.
        widths: kept channels by group, or densities of layers in thousandths.
        result: the finished model.
    """

    created: str
    seed: int
    sampler: str
    granularity: Literal["channels", "weights"] = "channels"
    task: str = "classification"
    judged: Judged = Judged()
    units: dict[str, str] = Field(default_factory=dict)
    target: dict[str, Any]
    host: dict[str, Any]
    race: tuple[Raced, ...] = ()
    widths: dict[str, int]
    result: Finished


class RungManifest(_Made):
    """The manifest of a bundle beside the run's own.

    Attributes:
        regime: of the search, where it had several.
        budget: of the run, where it had several.
    """

    regime: str | None = None
    budget: Budget | None = None

    @classmethod
    def upgraded(cls, content: dict[str, Any]) -> dict[str, Any]:
        """Version 1 had a record of the result under other names."""
        return content | {"result": Finished.upgraded(content["result"])}


class Manifest(_Made):
    """A run's manifest.

    Attributes:
        trials: of each search.
        budget: what was asked for.
        artifacts: other formats and precisions.
        ladder: a line for each regime of the search or budget of the run, where it had several.
        notes: what a reader must know.
        class_names: of the labels, in their order.
        full_widths: channels of the groups, or weights of the layers, that may be cut.
        base: the unpruned model.
        baselines: finished models by role.
        groups: what was cut, and what could not be.
        layers: latency of each, before and after.
    """

    trials: int
    budget: Budget
    artifacts: tuple[ArtifactRecord, ...] = ()
    ladder: tuple[Rung, ...] = ()
    notes: tuple[str, ...] = ()
    class_names: tuple[str, ...] = ()
    full_widths: dict[str, int] = Field(default_factory=dict)
    base: Finished
    baselines: dict[str, Finished]
    groups: tuple[Group, ...]
    layers: tuple[Layer, ...]

    @classmethod
    def upgraded(cls, content: dict[str, Any]) -> dict[str, Any]:
        """Version 1 described groups by channels, and layers of single weights apart."""
        weights, widths = content.get("granularity") == "weights", content["widths"]
        if weights:
            groups = [
                {"name": one["name"], "layers": [one["name"]], "macs_share": 0.0}
                | {"before": one["weights"], "after": one["kept"], "beside": one["magnitude"]}
                for one in content["layers"]
            ]
        else:
            groups = [
                {key: one[key] for key in ("name", "layers", "macs_share", "fixed")}
                | {"before": one["channels"], "after": widths.get(one["name"], one["channels"])}
                for one in content["groups"]
            ]
        return content | {
            "groups": groups,
            "layers": [] if weights else content["layers"],
            "race": [
                one | {"chosen": one["found_by"] == content["result"]["found_by"]}
                for one in content.get("race", [])
            ],
            "base": Finished.upgraded(content["base"]),
            "result": Finished.upgraded(content["result"]),
            "baselines": {
                role: Finished.upgraded(one) for role, one in content["baselines"].items()
            },
        }
