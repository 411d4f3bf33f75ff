"""Our formats hold the contract of `edgeprune.testing.formats`."""

import os
from pathlib import Path

import pytest

from edgeprune.config import TargetConfig
from edgeprune.config.names import FormatName, Runtime
from edgeprune.config.runtimes import TvmConfig
from edgeprune.devices.runtimes import runtimes
from edgeprune.errors import TargetError
from edgeprune.export.formats import Format, Made, check_writable, formats, open_format
from edgeprune.export.tflite_lint import lint_tflite
from edgeprune.quantization.tflite_graph import read_tflite
from edgeprune.testing.formats import FormatConformance

HERE = TargetConfig(name="here", kind="local", tvm=TvmConfig(allow_untuned=True))


class _Named(FormatConformance):
    @pytest.fixture(scope="class")
    def form(self) -> Format:
        name = type(self).__name__.removeprefix("Test").lower()
        try:
            check_writable(name, HERE)
        except TargetError as error:
            if "CI" in os.environ:
                raise
            pytest.skip(str(error))
        return open_format(name, HERE)


class TestOnnx(_Named):
    name = "model.onnx"


class TestTflite(_Named):
    name = "model.tflite"

    def test_layers_bear_the_names_of_modules(self, plain: tuple[Made, Path]) -> None:
        made, path = plain
        found = {one.layer for one in read_tflite(path.read_bytes()).operators}
        assert {"first", "second", "head"} <= found
        assert made.details["converter"] == "litert-torch 0.10.0"

    def test_images_come_channels_last(self, plain: tuple[Made, Path]) -> None:
        lint = lint_tflite(plain[1].read_bytes())
        assert (lint.layout, lint.input_transposes, lint.warnings()) == ("NHWC", 0, [])


class TestTvm(_Named):
    name = "model.so"


def test_the_schema_names_what_there_is() -> None:
    for annotated, known in ((FormatName, formats()), (Runtime, runtimes())):
        (names,) = annotated.__metadata__  # type: ignore[attr-defined]
        assert names.ours == tuple(known)[: len(names.ours)]
