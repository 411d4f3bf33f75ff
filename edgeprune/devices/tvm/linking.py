"""From what TVM compiled to a shared library.

Functions for tuning's processes are made by a call and are none of the module's own: TVM sends
such ones as code, so that its processes need not import edgeprune for every batch.
"""

import subprocess
from collections.abc import Callable
from typing import Any

from edgeprune.errors import TargetError


def linker(compiler: str) -> Callable[..., None]:
    """What TVM's ``export_library`` links with.

    Args:
        compiler: program; it gets the object files.

    Raises:
        TargetError: when called: the compiler failed; with what it said.
    """

    def link(output: str, objects: list[str], options: Any = None, **_: Any) -> None:
        argv = [compiler, "-shared", "-fPIC", "-o", output, *objects, *(options or ())]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        if done.returncode:
            said = next(iter(done.stderr.strip().splitlines()), f"exit code {done.returncode}")
            msg = (
                f"the compiler {compiler!r} cannot link what TVM compiled: {said[:300]}; is it "
                "one for the target's triple? (tvm.cross_compiler in the profile)"
            )
            raise TargetError(msg)

    link.object_format = "o"  # type: ignore[attr-defined]
    return link


def kernel_exporter(compiler: str, folder: str) -> Callable[[Any], str]:
    """How tuning makes a library of each trial.

    TVM would send the device objects that it had to link itself.

    Args:
        compiler: program that links for the device.
        folder: where the libraries go; whoever tunes removes it.
    """

    def export(module: Any) -> str:
        import os
        import subprocess
        import tempfile

        def link(output: str, objects: list[str], options: Any = None, **_: Any) -> None:
            argv = [compiler, "-shared", "-fPIC", "-o", output, *objects, *(options or ())]
            done = subprocess.run(argv, capture_output=True, text=True, check=False)
            if done.returncode:
                said = next(iter(done.stderr.strip().splitlines()), f"code {done.returncode}")
                # TVM passes on errors that are made of one text.
                msg = f"the compiler {compiler!r} cannot link: {said[:300]}"
                raise RuntimeError(msg)

        link.object_format = "o"  # type: ignore[attr-defined]
        path = os.path.join(tempfile.mkdtemp(dir=folder), "kernel.so")
        module.export_library(path, fcompile=link)
        return path

    return export


def kernel_builder() -> Callable[[Any, Any, Any], Any]:
    """How tuning compiles a trial.

    As TVM does itself, but without the import of all machines' tensor instructions: that takes
    24 s in every process, and a schedule that has been made holds what it needs of them.
    """

    def build(module: Any, target: Any, parameters: Any) -> Any:
        from tvm.driver import build as compile_module
        from tvm.s_tir.transform import RemoveWeightLayoutRewriteBlock

        return compile_module(
            RemoveWeightLayoutRewriteBlock(skip_tensor_rewrite=True)(module), target=target
        )

    return build
