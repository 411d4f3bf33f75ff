"""Runs on the device: unpacks a file, and runs it in ONNX Runtime.

Only its source is sent there, where edgeprune's own modules are called ``edgeprune_worker``.
"""

from __future__ import annotations

import functools
import zlib

import numpy as np
from edgeprune_worker.failures import BuildFailed, RuntimeMissing


class Runtime:
    """Builds and runs packed ONNX files.

    Args:
        settings: ``threads``, and the profile's ``runtime_options``: ``seed`` of the input.
    """

    def __init__(self, settings):
        try:
            import onnxruntime
        except ImportError as error:
            raise RuntimeMissing("onnxruntime cannot be imported: " + str(error)) from error
        self._library, self._threads = onnxruntime, int(settings["threads"])
        self._seed = int(settings.get("seed", 0))

    def describe(self):
        """What identifies the runtime, and whether a run is the calling thread's work alone."""
        return {
            "runtime": "zipped",
            "version": self._library.__version__,
            "threads": self._threads,
            "single_thread": self._threads == 1,
        }

    def build(self, model):
        """Load a model; the result runs it once on fixed inputs."""
        options = self._library.SessionOptions()
        options.intra_op_num_threads = self._threads
        try:
            session = self._library.InferenceSession(zlib.decompress(model), options)
        except Exception as error:
            raise BuildFailed("the model cannot be loaded: " + str(error)) from error
        random = np.random.default_rng(self._seed)
        feeds = {
            one.name: random.standard_normal(
                [size if isinstance(size, int) else 1 for size in one.shape]
            ).astype(np.float32)
            for one in session.get_inputs()
        }
        return functools.partial(session.run, None, feeds)

    def outputs(self, model):
        """What a model computes from the fixed inputs."""
        return list(self.build(model)())

    def profile(self, model, runs, folder):
        """Times of single kernels: this runtime tells none."""
        return []
