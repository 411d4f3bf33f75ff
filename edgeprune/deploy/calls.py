"""The calls of a network that TVM has fused: tensors, and kernels that read and write them."""

from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from edgeprune.errors import MeasurementError


@dataclass(frozen=True)
class Tensor:
    """A tensor of a program.

    Attributes:
        shape: sizes.
        dtype: numpy's name.
        value: its content, if it is a weight.
    """

    shape: tuple[int, ...]
    dtype: str
    value: NDArray[Any] | None = None

    @property
    def size(self) -> int:
        """Bytes."""
        return int(np.prod(self.shape, dtype=np.int64)) * np.dtype(self.dtype).itemsize


@dataclass(frozen=True)
class Call:
    """A kernel with what it reads, and last what it writes: positions in `Program.tensors`."""

    kernel: str
    tensors: tuple[int, ...]


def read_calls(main: Any) -> tuple[tuple[Tensor, ...], tuple[Call, ...], int, int]:
    """Turn a fused Relax function into tensors and calls.

    Args:
        main: TVM's function, after fusion.

    Returns:
        The tensors, the calls in order, and the positions of input and output.

    Raises:
        MeasurementError: it is no straight list of kernels of fixed shapes.
    """
    return _Reader().read(main)


class _Reader:
    """Turns a fused Relax function into tensors and calls."""

    def __init__(self) -> None:
        self.tensors: list[Tensor] = []
        self.calls: list[Call] = []
        self._known: dict[Any, int] = {}

    def read(self, main: Any) -> tuple[tuple[Tensor, ...], tuple[Call, ...], int, int]:
        if len(main.params) != 1:
            _refuse(f"it has {len(main.params)} inputs, and a runner takes one")
        entry = self._tensor(main.params[0])
        for block in main.body.blocks:
            for binding in block.bindings:
                self._bind(binding.var, binding.value)
        if main.body.body not in self._known:
            _refuse("it has several outputs, and a runner gives one")
        output = self._known[main.body.body]
        for one in (entry, output):
            if self.tensors[one].dtype != "float32":
                _refuse(f"an input or output is {self.tensors[one].dtype}, not float32")
        return tuple(self.tensors), tuple(self.calls), entry, output

    def _bind(self, name: Any, value: Any) -> None:
        from tvm import ir, relax

        if isinstance(value, relax.Var | ir.Constant):
            self._known[name] = self._argument(value)
            return
        if not (isinstance(value, relax.Call) and value.op.name == "relax.call_tir"):
            _refuse(f"{getattr(getattr(value, 'op', value), 'name', value)} is no kernel")
        kernel, given = value.args[0], list(value.args[1])
        if len(value.args) > 2:
            _refuse(f"kernel {kernel.name_hint} takes sizes that are not fixed")
        read = [self._argument(one) for one in given]
        self.calls.append(Call(str(kernel.name_hint), (*read, self._tensor(name))))

    def _argument(self, value: Any) -> int:
        from tvm import ir

        if isinstance(value, ir.Constant):
            content = np.asarray(value.value.numpy(), order="C")
            self.tensors.append(Tensor(content.shape, str(content.dtype), content))
            return len(self.tensors) - 1
        return self._known[value]

    def _tensor(self, name: Any) -> int:
        kind = name.ty
        if not hasattr(kind, "shape") or kind.shape is None:
            _refuse(f"{name.name_hint} is no tensor of a known shape")
        try:
            shape = tuple(int(size) for size in kind.shape)
        except TypeError:
            _refuse(f"{name.name_hint} has no fixed shape: {kind.shape}")
        self.tensors.append(Tensor(shape, str(kind.dtype)))
        self._known[name] = len(self.tensors) - 1
        return self._known[name]


def _refuse(reason: str) -> NoReturn:
    msg = f"the model is no straight list of compiled kernels: {reason}"
    raise MeasurementError(msg)
