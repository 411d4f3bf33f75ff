"""Running a built program on this machine, beside this machine's own ONNX Runtime."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgeprune.deploy.emulation import NotRunnable, run_here
from edgeprune.deploy.generated import OnnxInterface
from edgeprune.deploy.manifest import RunnerTried
from edgeprune.deploy.toolchains import Toolchain
from edgeprune.devices.artifacts import Note
from edgeprune.errors import VerificationError

#: Largest allowed difference to this machine's outputs, relative to the largest of them (or 1).
#: `main.cc` holds the device to the same.
TOLERANCE = 1e-4
#: Files for a trial, here and on the device.
INPUT, EXPECTED = "example/input.bin", "example/expected.bin"
_SEED, _TIMEOUT_S = 0, 600.0


@dataclass(frozen=True)
class Example:
    """An input that no data set is needed for, and what this machine computes from it.

    Attributes:
        input: one image of normally distributed values, float32.
        expected: the outputs of ONNX Runtime, float32.
    """

    input: NDArray[np.float32]
    expected: NDArray[np.float32]

    @classmethod
    def of(cls, model: Path, interface: OnnxInterface) -> "Example":
        """The example of an ONNX file.

        Raises:
            VerificationError: the file does not run here.
        """
        from edgeprune.export.verification import onnx_runner

        generator = np.random.default_rng(_SEED)
        given = generator.standard_normal(interface.shape).astype(np.float32)
        return cls(given, onnx_runner(model)(given)[0].astype(np.float32))

    def write(self, folder: Path) -> None:
        """Write both as the runners read and write them."""
        for name, values in ((INPUT, self.input), (EXPECTED, self.expected)):
            (folder / name).parent.mkdir(exist_ok=True)
            values.astype("<f4").tofile(folder / name)


def try_runner(
    program: Path, folder: Path, toolchain: Toolchain, cpu: str | None, note: Note
) -> RunnerTried:
    """Run a program over the example, emulated where it is for another processor.

    Args:
        program: the runner.
        folder: of the products, with the example.
        toolchain: what built it.
        cpu: the device's processor, to be emulated.
        note: told before it runs.

    Returns:
        The difference to this machine's outputs and what it was held to, or why it was not run.

    Raises:
        VerificationError: it fails, or computes something else.
    """
    note(f"trying {program.name}")
    words: list[str | Path] = [
        "--expect",
        folder / EXPECTED,
        folder / INPUT,
        folder / "example/output.bin",
    ]
    try:
        done = run_here(program, words, toolchain, cpu, timeout_s=_TIMEOUT_S)
    except NotRunnable as error:
        return RunnerTried(not_run=str(error))
    finally:
        (folder / "example/output.bin").unlink(missing_ok=True)
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip() or "nothing").splitlines()[-1]
        msg = (
            f"{program.name}, built for {toolchain.architecture}, does not compute what this "
            f"machine computes (exit code {done.returncode}): {said}"
        )
        raise VerificationError(msg)
    return RunnerTried.model_validate_json(done.stdout)
