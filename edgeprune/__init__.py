"""edgeprune: prune a trained CNN until it meets a latency budget measured on your device."""

__version__ = "0.1.0"
