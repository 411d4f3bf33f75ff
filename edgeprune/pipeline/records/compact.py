"""Models whose files leave out what was never said."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    PlainSerializer,
    SerializerFunctionWrapHandler,
    model_serializer,
)

from edgeprune.devices import Measurement


def _measurement(value: Any) -> Any:
    return Measurement.from_json(value) if isinstance(value, Mapping) else value


#: A measurement; its file has the summaries beside the samples.
Measured = Annotated[
    Measurement, BeforeValidator(_measurement), PlainSerializer(Measurement.to_json)
]


class Compact(BaseModel):
    """A record in whose file a missing key stands for None."""

    model_config = ConfigDict(frozen=True)

    @model_serializer(mode="wrap")
    def _said(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        said: dict[str, Any] = handler(self)
        return {
            key: value
            for key, value in said.items()
            if value is not None or key in self.model_fields_set
        }
