"""The budget: latency as a ratio to the measured base model or in milliseconds, or sparsity."""

import re
from typing import Any, Self

from pydantic import Field, ValidationInfo, field_serializer, field_validator, model_validator

from edgeprune.config.section import Section

_RATIO = re.compile(r"((?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*[xX]")


#: Keys of which a budget has exactly one.
ALTERNATIVES = ("latency", "latency_ms", "sparsity")


class BudgetConfig(Section):
    """What the finished model may cost; exactly one of the three."""

    latency: float | None = Field(
        None,
        description=(
            "Allowed latency as a ratio to the base model's, measured on the same target: 0.5x. "
            "Above 0x and below 1x."
        ),
    )
    latency_ms: float | None = Field(None, gt=0, description="Allowed latency in milliseconds.")
    sparsity: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="Share of all prunable weights that must be zero, such as 0.9; for "
        "`prune.granularity: weights`.",
    )

    @property
    def text(self) -> str:
        """The budget as a person writes it: ``0.5x``, ``3.5 ms`` or ``90% sparsity``."""
        if self.sparsity is not None:
            return f"{100 * self.sparsity:g}% sparsity"
        return f"{self.latency:g}x" if self.latency is not None else f"{self.latency_ms:g} ms"

    @field_validator("latency", mode="before")
    @classmethod
    def _read_ratio(cls, value: Any, info: ValidationInfo) -> float | None:
        """Read ``0.5x``; a bare number is a ratio in Python, but ambiguous in a file."""
        if value is None:
            return None
        written = bool(info.context and info.context.get("written"))
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        match = _RATIO.fullmatch(value.strip()) if isinstance(value, str) else None
        ratio = float(match[1]) if match else None
        if is_number and not written:
            ratio = float(value)
        if ratio is not None and 0 < ratio < 1:
            return ratio
        msg = (
            "must be a ratio to the base model's measured latency, above 0x and below 1x, such as "
            "0.5x (milliseconds go to latency_ms)"
        )
        raise ValueError(msg)

    @field_serializer("latency")
    def _write_ratio(self, value: float | None) -> str | None:
        return None if value is None else f"{value!r}x"

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        given = [name for name in ALTERNATIVES if getattr(self, name) is not None]
        if len(given) == 1:
            return self
        units = {"latency": "x"}
        both = " and ".join(
            f"{name} {getattr(self, name):g}{units.get(name, '')}" for name in given
        )
        msg = (
            f"got both {both}; set all but one of them to null"
            if given
            else "got none; allowed: one of latency (such as 0.5x), latency_ms (such as 3.5) and "
            "sparsity (such as 0.9)"
        )
        raise ValueError(msg)
