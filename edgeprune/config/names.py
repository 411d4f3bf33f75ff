"""Words in a file that installed packages add to: checked by name, without importing anything."""

from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Annotated, Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema


@dataclass(frozen=True)
class Names:
    """Annotates text that is one of our own names, or that of an entry point.

    Attributes:
        group: of the entry points.
        ours: names that need no other package.
    """

    group: str
    ours: tuple[str, ...]

    @property
    def allowed(self) -> tuple[str, ...]:
        """Ours first."""
        theirs = sorted(set(entry_points(group=self.group).names) - set(self.ours))
        return (*self.ours, *theirs)

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {**handler(schema), "enum": list(self.allowed)}

    def _check(self, name: str) -> str:
        if name not in self.ours and name not in self.allowed:
            told = {"words": ", ".join(map(repr, self.allowed))}
            raise PydanticCustomError("unknown_name", "must be one of {words}", told)  # noqa: EM101
        return name


#: Of `edgeprune.devices.runtimes`.
Runtime = Annotated[str, Names("edgeprune.runtimes", ("onnxruntime", "tflite", "tvm"))]
#: Of `edgeprune.export.formats`.
FormatName = Annotated[str, Names("edgeprune.formats", ("onnx", "tflite", "tvm"))]
