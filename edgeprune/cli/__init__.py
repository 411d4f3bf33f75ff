"""The command line: thin commands over the Python API."""

from edgeprune.cli.app import main

__all__ = ["main"]
