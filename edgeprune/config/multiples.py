"""Multiples of channels: one number for all layers, or one for each kind of layer."""

from typing import Any

from pydantic import Field, model_validator

from edgeprune.config.section import Section


class ChannelMultiples(Section):
    """Widths are multiples of these; a plain number stands for all kinds."""

    conv: int = Field(1, ge=1, description="Of ordinary convolutions.")
    depthwise: int = Field(1, ge=1, description="Of convolutions with one channel in each group.")
    grouped: int = Field(1, ge=1, description="Of other grouped convolutions.")
    linear: int = Field(1, ge=1, description="Of linear layers.")

    @model_validator(mode="before")
    @classmethod
    def _one_for_all(cls, value: Any) -> Any:
        if isinstance(value, dict | cls):
            return value
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            kinds = ", ".join(cls.model_fields)
            msg = (
                f"must be a whole number at least 1, or a section with keys from {kinds}; "
                f"got {value!r}"
            )
            raise ValueError(msg)
        return dict.fromkeys(cls.model_fields, value)
