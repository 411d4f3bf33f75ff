"""TVM: networks compiled and tuned on this machine, for devices that only run them.

TVM itself is an optional extra and is imported when one of these is called.
"""

from edgeprune.devices.tvm.compile import CompileReport, compile_library, compile_tuned
from edgeprune.devices.tvm.host import require_tvm, target_of
from edgeprune.devices.tvm.network import KernelTask, kernel_tasks
from edgeprune.devices.tvm.rpc import RemoteLibrary, loopback
from edgeprune.devices.tvm.tuning import TuningReport, new_kernels, tune

__all__ = [
    "CompileReport",
    "KernelTask",
    "RemoteLibrary",
    "TuningReport",
    "compile_library",
    "compile_tuned",
    "kernel_tasks",
    "loopback",
    "new_kernels",
    "require_tvm",
    "target_of",
    "tune",
]
