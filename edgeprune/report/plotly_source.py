"""plotly.js, packed so that a page can carry it.

Its basic bundle: scatter, bar and pie, which is all that the page draws, at a quarter of the size
of the full one (decision 016). Every browser since 2023 unpacks it (`DecompressionStream`), offline
and from ``file://``.
"""

import base64
from functools import cache
from pathlib import Path

_PACKED = Path(__file__).parent / "plotly" / "plotly-basic.min.js.gz"


@cache
def packed_plotly() -> str:
    """The source, gzipped and in base64."""
    return base64.b64encode(_PACKED.read_bytes()).decode("ascii")
