"""Conformance kits: test classes that hold a plugin to the contract of its room.

Inherit from one, say how to build the plugin, and run pytest.
"""
