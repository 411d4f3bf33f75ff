"""What a device's clock counts, and what its readings may be called."""

#: Words in the name of a clock that counts no real time.
_VIRTUAL = ("instruction", "simulat", "emulat")


def unit_of(clock: str) -> str:
    """The unit of a latency: ``ms``, or ``virtual ms`` where the clock counts no real time.

    Args:
        clock: as a device's conditions name it: ``thread``, ``wall``, ``instructions``, ...
    """
    return "virtual ms" if any(word in clock.lower() for word in _VIRTUAL) else "ms"
