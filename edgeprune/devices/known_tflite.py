"""A small TFLite network written with the file format's own schema: no converter is needed."""

from typing import Any

import numpy as np


def small_tflite_net(width: int, *, size: int = 32, seed: int = 0) -> bytes:
    """Three convolutions, a mean and a linear layer, as a TFLite file.

    Args:
        width: channels of the convolutions.
        size: height and width of the input, (1, size, size, 3) float32.
        seed: of the weights.
    """
    from ai_edge_litert import schema_py_generated as schema

    file = TfliteWriter(schema)
    generator = np.random.default_rng(seed)

    def weights(name: str, *shape: int) -> int:
        return file.tensor(name, shape, 0.2 * generator.standard_normal(shape))

    source = last = file.tensor("input", (1, size, size, 3))
    channels, side = 3, size
    for index, stride in enumerate((2, 2, 1)):
        side //= stride
        kernel = weights(f"conv{index}.weight", width, 3, 3, channels)
        bias = file.tensor(f"conv{index}.bias", (width,), np.zeros(width))
        options = schema.Conv2DOptionsT()
        options.padding, options.strideH, options.strideW = schema.Padding.SAME, stride, stride
        options.dilationHFactor = options.dilationWFactor = 1
        options.fusedActivationFunction = schema.ActivationFunctionType.RELU
        output = file.tensor(f"conv{index}", (1, side, side, width))
        file.operator("CONV_2D", [last, kernel, bias], output, options, "Conv2DOptions")
        last, channels = output, width
    axes = file.tensor("axes", (2,), np.array([1, 2]), "INT32")
    options = schema.ReducerOptionsT()
    pooled = file.tensor("pooled", (1, width))
    file.operator("MEAN", [last, axes], pooled, options, "ReducerOptions")
    linear = weights("linear.weight", 10, width)
    bias = file.tensor("linear.bias", (10,), np.zeros(10))
    output = file.tensor("output", (1, 10))
    options = schema.FullyConnectedOptionsT()
    inputs = [pooled, linear, bias]
    file.operator("FULLY_CONNECTED", inputs, output, options, "FullyConnectedOptions")
    return file.file(source, output)


class TfliteWriter:
    """A TFLite file while it is put together.

    Args:
        schema: the module of the file format's schema.
    """

    def __init__(self, schema: Any) -> None:
        self._schema = schema
        self.graph = schema.SubGraphT()
        self.graph.tensors, self.graph.operators, self.graph.name = [], [], "main"
        self._buffers = [schema.BufferT()]
        self._codes: list[int] = []

    def tensor(self, name: str, shape: Any, values: Any = None, kind: str = "FLOAT32") -> int:
        """Add a tensor, with its values if it is a constant."""
        tensor = self._schema.TensorT()
        tensor.name, tensor.shape = name, list(shape)
        tensor.type = getattr(self._schema.TensorType, kind)
        tensor.buffer = 0
        if values is not None:
            content = np.asarray(values).astype("<f4" if kind == "FLOAT32" else "<i4").tobytes()
            buffer = self._schema.BufferT()
            buffer.data = np.frombuffer(content, np.uint8)
            tensor.buffer = len(self._buffers)
            self._buffers.append(buffer)
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def operator(self, name: str, inputs: list[int], output: int, options: Any, kind: str) -> None:
        """Add an operator."""
        code = getattr(self._schema.BuiltinOperator, name)
        if code not in self._codes:
            self._codes.append(code)
        operator = self._schema.OperatorT()
        operator.opcodeIndex = self._codes.index(code)
        operator.inputs, operator.outputs = inputs, [output]
        operator.builtinOptions = options
        operator.builtinOptionsType = getattr(self._schema.BuiltinOptions, kind)
        self.graph.operators.append(operator)

    def file(self, source: int, output: int) -> bytes:
        """The finished file, from an input to an output."""
        import flatbuffers

        builder = flatbuffers.Builder(1024)
        builder.Finish(self.model(source, output).Pack(builder), b"TFL3")
        return bytes(builder.Output())

    def model(self, source: int, output: int) -> Any:
        """The finished file, to be packed."""
        model = self._schema.ModelT()
        self.graph.inputs, self.graph.outputs = [source], [output]
        model.version, model.description = 3, "edgeprune"
        model.subgraphs, model.buffers, model.operatorCodes = [self.graph], self._buffers, []
        model.signatureDefs = [self._signature(source, output)]
        for one in self._codes:
            code = self._schema.OperatorCodeT()
            code.builtinCode, code.deprecatedBuiltinCode, code.version = one, min(one, 127), 1
            model.operatorCodes.append(code)
        return model

    def _signature(self, source: int, output: int) -> Any:
        """The network by name, as converters write it."""
        signature = self._schema.SignatureDefT()
        signature.signatureKey, signature.subgraphIndex = "serving_default", 0
        signature.inputs, signature.outputs = [], []
        for name, index, side in (
            ("args_0", source, signature.inputs),
            ("output_0", output, signature.outputs),
        ):
            entry = self._schema.TensorMapT()
            entry.name, entry.tensorIndex = name, index
            side.append(entry)
        return signature
