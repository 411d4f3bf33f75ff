"""The budget: latency, size, memory, MACs and energy a model may take; or sparsity."""

import math
import re
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Self

from pydantic import (
    Field,
    ValidationInfo,
    WithJsonSchema,
    field_serializer,
    field_validator,
    model_validator,
)

from edgeprune.config.amounts import NAMES, TAKES, Amount, Quantity, read_amount
from edgeprune.config.section import Section

_RATIO = re.compile(r"((?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*[xX]")


#: Keys of which a budget has exactly one.
ALTERNATIVES = ("latency", "latency_ms", "sparsity")

#: Keys that may stand beside latency, or without it, in any combination.
QUANTITIES: tuple[Quantity, ...] = ("size", "peak_memory", "macs", "energy")

#: What each of them takes, in words.
ALLOWED = {
    "latency": "a ratio to the base model's measured latency, above 0x and below 1x, such as 0.5x "
    "(milliseconds go to latency_ms), or a list of such from loose to tight, such as [0.7x, 0.5x]",
    "latency_ms": "a number above 0, or a list of such from loose to tight, such as [8, 5]",
    **TAKES,
}


def _one_or_several(one: dict[str, Any]) -> WithJsonSchema:
    """What a file may hold, which the types in Python do not tell."""
    several = {"type": "array", "items": one, "minItems": 1}
    return WithJsonSchema({"anyOf": [one, several, {"type": "null"}]})


_Latency = float | tuple[float, ...] | None
_Ratios = Annotated[
    _Latency, _one_or_several({"type": "string", "pattern": rf"^\s*{_RATIO.pattern}\s*$"})
]
_Milliseconds = Annotated[_Latency, _one_or_several({"type": "number", "exclusiveMinimum": 0})]
_Amount = Annotated[
    str | None,
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string"},
                {"type": "number", "exclusiveMinimum": 0},
                {"type": "null"},
            ]
        }
    ),
]


class BudgetConfig(Section):
    """What the finished model may cost: one of latency, latency_ms and sparsity, and others.

    Beside latency, or in its place, any of size, peak_memory, macs and energy: all of them hold.
    Without latency the result may take as long as the base model. Or accuracy_drop alone: the
    fastest network that loses no more than that is looked for.
    """

    latency: _Ratios = Field(
        None,
        examples=["0.5x", ["0.7x", "0.5x"]],
        description=(
            "Allowed latency as a ratio to the base model's, measured on the same target: 0.5x. "
            "Above 0x and below 1x. Several, from loose to tight, give a model for each: "
            "[0.7x, 0.5x, 0.35x]."
        ),
    )
    latency_ms: _Milliseconds = Field(
        None,
        examples=[8, [8, 5]],
        description="Allowed latency in milliseconds; several from loose to tight: [8, 5].",
    )
    sparsity: float | None = Field(
        None,
        gt=0,
        lt=1,
        examples=[0.9],
        description="Share of all prunable weights that must be zero, such as 0.9; for "
        "`prune.granularity: weights`.",
    )

    size: _Amount = Field(
        None,
        examples=["500kB", "0.5x"],
        description="Allowed size of the file that is searched for, in its precision.",
    )
    peak_memory: _Amount = Field(
        None,
        examples=["200kB", "0.5x"],
        description="Allowed memory of activations, all that the runtime allocates at once while "
        "it runs one image, measured on the target; weights are not in it.",
    )
    macs: _Amount = Field(
        None,
        examples=["300M", "0.5x"],
        description="Allowed multiply-accumulates of one image.",
    )
    energy: _Amount = Field(
        None,
        examples=["20mJ", "0.5x"],
        description="Allowed energy of one image, measured by the target's own sensor: the power "
        "rails of a Jetson, RAPL of a PC's processor.",
    )

    accuracy_drop: float | None = Field(
        None,
        gt=0,
        lt=100,
        examples=[2.0],
        description="Points of accuracy that the result may lose beside that, on the reward split; "
        "more is a missed budget (exit status 3). Alone it asks for the fastest network that loses "
        "no more.",
    )

    @property
    def each(self) -> tuple["BudgetConfig", ...]:
        """A budget of its own for each value, loose to tight; the last is the run's own result."""
        for name in ("latency", "latency_ms"):
            values = getattr(self, name)
            if isinstance(values, tuple):
                return tuple(self.model_copy(update={name: value}) for value in values)
        return (self,)

    @property
    def seeks(self) -> bool:
        """Whether the fastest network is wanted that loses no more than `accuracy_drop`."""
        given = [name for name in ALTERNATIVES if getattr(self, name) is not None]
        return not given and not self.amounts and self.accuracy_drop is not None

    @property
    def amounts(self) -> dict[Quantity, Amount]:
        """What is allowed beside latency, by its name."""
        written = {name: getattr(self, name) for name in QUANTITIES}
        return {name: read_amount(name, text) for name, text in written.items() if text is not None}

    @property
    def text(self) -> str:
        """The budget as a person writes it: ``0.5x``, ``3.5 ms`` or ``0.5x, size 500kB``."""
        if self.seeks:
            return f"at most {self.accuracy_drop:g} points lost"
        if self.sparsity is not None:
            return f"{100 * self.sparsity:g}% sparsity"
        others = (f"{NAMES[name]} {one.text}" for name, one in self.amounts.items())
        return ", ".join(filter(None, (self.latency_text, *others)))

    @property
    def latency_text(self) -> str:
        """What is allowed of latency; nothing where that is not limited."""
        values, unit = (self.latency, "x") if self.latency is not None else (self.latency_ms, " ms")
        return ", ".join(f"{value:.9g}{unit}" for value in _as_tuple(values))

    def ratio(self, base_ms: float | None = None) -> float:
        """What is allowed, of several the least, as a ratio to the base model's.

        Args:
            base_ms: the base model's level of latency, the statistic that measured ratios are of
                (`edgeprune.devices.Measurement.level_ms`); for a budget in milliseconds.

        Returns:
            Latency, or the density: largest share of the prunable weights that is kept. 1 or more
            where the budget asks for nothing.
        """
        tightest = self.each[-1]
        if tightest.sparsity is not None:
            return round(1 - tightest.sparsity, 9)
        if isinstance(tightest.latency, float):
            return tightest.latency
        if isinstance(tightest.latency_ms, float) and base_ms is not None:
            return tightest.latency_ms / base_ms
        return 1.0

    @field_validator("latency", mode="before")
    @classmethod
    def _read_ratios(cls, value: Any, info: ValidationInfo) -> Any:
        """Read ``0.5x``; a bare number is a ratio in Python, but ambiguous in a file."""
        written = bool(info.context and info.context.get("written"))

        def read(one: Any) -> float | None:
            is_number = isinstance(one, int | float) and not isinstance(one, bool)
            match = _RATIO.fullmatch(one.strip()) if isinstance(one, str) else None
            ratio = float(match[1]) if match else None
            if is_number and not written:
                ratio = float(one)
            return ratio if ratio is not None and 0 < ratio < 1 else None

        return _read("latency", value, read)

    @field_validator("latency_ms", mode="before")
    @classmethod
    def _read_milliseconds(cls, value: Any) -> Any:
        def read(one: Any) -> float | None:
            is_number = isinstance(one, int | float) and not isinstance(one, bool)
            return float(one) if is_number and 0 < one < math.inf else None

        return _read("latency_ms", value, read)

    @field_validator(*QUANTITIES, mode="before")
    @classmethod
    def _read_amount(cls, value: Any, info: ValidationInfo) -> Any:
        if value is None:
            return None
        name: Any = info.field_name
        return read_amount(name, value).text

    @field_serializer("latency")
    def _write_ratio(self, value: float | tuple[float, ...] | None) -> str | tuple[str, ...] | None:
        if isinstance(value, tuple):
            return tuple(f"{one!r}x" for one in value)
        return None if value is None else f"{value!r}x"

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        given = [name for name in ALTERNATIVES if getattr(self, name) is not None]
        if self.sparsity is not None and self.amounts:
            msg = (
                f"got sparsity {self.sparsity:g} and {', '.join(self.amounts)}; sparsity stands "
                "alone: the size of a file follows from it, and nothing else changes"
            )
            raise ValueError(msg)
        if len(given) == 1 or self.seeks or (not given and self.amounts):
            return self
        both = " and ".join(
            f"{name} {_plain(name, _as_tuple(getattr(self, name)))}" for name in given
        )
        msg = (
            f"got both {both}; set all but one of them to null"
            if given
            else "got none; allowed: one of latency (such as 0.5x), latency_ms (such as 3.5), "
            "sparsity (such as 0.9), any of size, peak_memory, macs and energy (such as 0.5x), and "
            "accuracy_drop alone (such as 1.0)"
        )
        raise ValueError(msg)


def _read(
    name: str, value: Any, read: Callable[[Any], float | None]
) -> float | tuple[float, ...] | None:
    """One value, or a list of them from loose to tight.

    Args:
        name: of the key.
        value: as it was written.
        read: what one value means; None where it is not allowed.

    Raises:
        ValueError: a value is not allowed, or the list is not.
    """
    if value is None:
        return None
    if not isinstance(value, list | tuple):
        if (found := read(value)) is None:
            msg = f"must be {ALLOWED[name]}{_meant(name, value)}"
            raise ValueError(msg)
        return found
    if not value:
        msg = f"must be {ALLOWED[name]}; the list is empty"
        raise ValueError(msg)
    values = []
    for number, one in enumerate(value, 1):
        if (found := read(one)) is None:
            msg = f"must be {ALLOWED[name]}; item {number} of the list is none"
            raise ValueError(msg)
        values.append(found)
    _check_descending(name, values)
    return tuple(values)


def _meant(name: str, value: Any) -> str:
    """A hint where a ratio lacks its x."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return ""
    return f" (did you mean {number:g}x?)" if name == "latency" and 0 < number < 1 else ""


def _check_descending(name: str, values: Sequence[float]) -> None:
    texts = [_plain(name, (value,)) for value in values]
    if twice := next((text for text in texts if texts.count(text) > 1), None):
        msg = f"must name each latency once, but has {twice} twice"
        raise ValueError(msg)
    ordered = sorted(values, reverse=True)
    if ordered != list(values):
        msg = f"must go from loose to tight; allowed: {_plain(name, ordered)}"
        raise ValueError(msg)


def _as_tuple(values: float | tuple[float, ...] | None) -> tuple[float, ...]:
    if values is None:
        return ()
    return values if isinstance(values, tuple) else (values,)


def _plain(name: str, values: Sequence[float]) -> str:
    """Values as they stand in a file."""
    unit = "x" if name == "latency" else ""
    texts = [f"{value:.9g}{unit}" for value in values]
    return texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
