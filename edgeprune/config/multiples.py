"""Multiples of channels: one number for all layers, or one for each kind of layer."""

from typing import Any

from pydantic import Field, GetJsonSchemaHandler, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

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

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """A file may hold the plain number as well."""
        kinds = handler.resolve_ref_schema(handler(core_schema))
        return {"anyOf": [{"type": "integer", "minimum": 1}, kinds]}
