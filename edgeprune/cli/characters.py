"""The command line in a locale that has no Unicode, such as LC_ALL=C with Python's UTF-8 mode off.

Paths with other letters than English would be broken ones there for every library that is not
Python's own (ONNX Runtime refuses them), and so would what a text file says.
"""

import os
import sys

#: Told to the process that goes on, which starts no other.
_DONE = "EDGEPRUNE_UTF8"


def use_utf8() -> None:
    """Start again in Python's UTF-8 mode where the locale has none of it; else do nothing.

    What is written to the terminal keeps the terminal's letters: others are escaped.
    """
    if sys.getfilesystemencoding() == "utf-8" or os.environ.get(_DONE) or not sys.orig_argv:
        return
    shown = f"{sys.stdout.encoding}:backslashreplace"
    own = {_DONE: "1", "PYTHONUTF8": "1", "PYTHONIOENCODING": shown}
    # Devices' workers that run here get the same by the environment.
    os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], os.environ | own)
