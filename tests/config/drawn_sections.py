"""Random sections of a pipeline file, drawn from the schema itself."""

from collections.abc import Iterable
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from hypothesis import strategies as st
from pydantic.fields import FieldInfo

from edgeprune.config import PipelineConfig
from edgeprune.config.names import Names
from edgeprune.config.section import Section
from edgeprune.config.stages import ExportConfig
from edgeprune.config.workload import DataConfig, TrainConfig, WorkloadConfig

#: Everything that UTF-8 holds: quotes, colons, line ends, what YAML takes for null or a number. Not
#: the one line end that is lost, which has a test of its own.
TEXTS = st.text(st.characters(codec="utf-8"), max_size=8) | st.sampled_from(
    ("null", "~", "yes", "off", "0x1f", "1e-3", "1:30", ".inf", "<<", "=", "- a", "{b: c}", "# d")
)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
#: Settings whose keys are the user's own.
OWN = st.recursive(
    st.none() | st.booleans() | st.integers() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXTS, inner, max_size=2),
    max_leaves=3,
)
_NAMES = (TEXTS | st.sampled_from(("${HOME}", "$${", "${", "~", "a b"))).filter(
    lambda name: name not in {"", ".", ".."} and not set("/\0") & set(name)
)
_PATHS = st.lists(_NAMES, min_size=1, max_size=3).map(lambda names: "/" + "/".join(names))
#: Ratios and milliseconds, each further than a rounded text from the next.
_THOUSANDTHS = st.integers(1, 999).map(lambda part: part / 1000)


def pipelines() -> st.SearchStrategy[PipelineConfig]:
    """Any pipeline that is allowed."""
    return _section(PipelineConfig).map(PipelineConfig.model_validate)


def _budgets() -> st.SearchStrategy[dict[str, Any]]:
    several = st.lists(_THOUSANDTHS, min_size=1, max_size=3, unique=True)
    falling = several.map(lambda values: sorted(values, reverse=True))
    return st.one_of(
        st.fixed_dictionaries({"latency": st.floats(0, 1, exclude_min=True, exclude_max=True)}),
        st.fixed_dictionaries({"latency": falling}),
        st.fixed_dictionaries({"latency_ms": st.floats(0, exclude_min=True, allow_infinity=False)}),
        st.fixed_dictionaries({"latency_ms": falling}),
        st.fixed_dictionaries({"sparsity": st.floats(0, 1, exclude_min=True, exclude_max=True)}),
        st.fixed_dictionaries({"accuracy_drop": st.floats(0.1, 99.0)}),
    )


#: Fields that take less than their type says.
_SPECIAL: dict[tuple[type[Section], str], st.SearchStrategy[Any]] = {
    (PipelineConfig, "budget"): _budgets(),
    (PipelineConfig, "target"): st.sampled_from(("local", "simulated", "raspberry-pi-4")),
    (PipelineConfig, "execution"): st.sampled_from(
        ({}, {"outstanding": 4}, {"engine": "ray", "address": "a:1", "gpus_per_worker": 0.5})
    ),
    (TrainConfig, "mode"): st.just("base"),  # joint allows few other settings beside it
    (ExportConfig, "calibration"): st.sampled_from(("default", "entropy")),
}


def _section(section: type[Section]) -> st.SearchStrategy[dict[str, Any]]:
    """Settings of a section: what must be there, and any of the others."""
    required: dict[str, st.SearchStrategy[Any]] = {}
    optional: dict[str, st.SearchStrategy[Any]] = {}
    for name, field in section.model_fields.items():
        value = _SPECIAL.get((section, name))
        if value is None:
            value = _value(field.annotation, field.metadata)
        (required if field.is_required() else optional)[name] = value
    drawn = st.fixed_dictionaries(required, optional=optional)
    if section is WorkloadConfig:
        return drawn.map(_trained_or_given).map(_several_to_tell)
    return drawn.map(_as_many_deviations) if section is DataConfig else drawn


def _trained_or_given(workload: dict[str, Any]) -> dict[str, Any]:
    """Weights that are given are not trained."""
    given = workload["model"].get("weights") is not None
    return workload | {"train": None} if given else workload


def _several_to_tell(workload: dict[str, Any]) -> dict[str, Any]:
    """Only tasks that tell no classes apart have a single one."""
    one = workload["model"].get("num_classes") == 1
    return workload | {"task": "detection"} if one else workload


def _as_many_deviations(data: dict[str, Any]) -> dict[str, Any]:
    """One mean and one deviation for each channel."""
    both = [data[name] for name in ("mean", "std") if data.get(name) is not None]
    if len(both) < 2:
        return data
    channels = min(map(len, both))
    return data | {"mean": data["mean"][:channels], "std": data["std"][:channels]}


def _value(annotation: Any, limits: Iterable[Any]) -> st.SearchStrategy[Any]:
    origin: Any = get_origin(annotation)
    if origin is Annotated:
        base, *extras = get_args(annotation)
        inner = [
            one
            for extra in extras
            for one in (extra.metadata if isinstance(extra, FieldInfo) else [extra])
        ]
        return _value(base, [*limits, *inner])
    if origin in {Union, UnionType}:
        return st.one_of(*(_value(one, limits) for one in get_args(annotation)))
    if named := [one.ours for one in limits if isinstance(one, Names)]:
        return st.sampled_from(named[0])
    if origin is Literal:
        return st.sampled_from(get_args(annotation))
    if origin is tuple:
        item = _value(get_args(annotation)[0], ())
        return st.lists(item, min_size=_limit(limits, "min_length") or 0, max_size=3)
    if origin is dict:
        return st.dictionaries(TEXTS, OWN, max_size=2)
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return _section(annotation)
    return _scalar(annotation, limits)


def _scalar(kind: type, limits: Iterable[Any]) -> st.SearchStrategy[Any]:
    above, least, below, most = (_limit(limits, name) for name in ("gt", "ge", "lt", "le"))
    if kind is int:
        return st.integers(least if above is None else above + 1, most)
    if kind is float:
        return st.floats(
            least if above is None else above,
            most if below is None else below,
            exclude_min=above is not None,
            exclude_max=below is not None,
            allow_nan=False,
            allow_infinity=False,
        )
    return {
        bool: st.booleans(),
        str: TEXTS.filter(lambda text: len(text) >= (_limit(limits, "min_length") or 0)),
        NoneType: st.none(),
        Path: _PATHS,
    }[kind]


def _limit(limits: Iterable[Any], name: str) -> Any:
    return next((getattr(one, name) for one in limits if hasattr(one, name)), None)
