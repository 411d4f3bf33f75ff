"""The library that reports carry is the published one."""

import base64
import gzip
import hashlib

from edgeprune.report.plotly_source import packed_plotly

#: Of plotly-basic.min.js in plotly.js-basic-dist-min 4.1.1.
PUBLISHED = "99784e3abfb07b142a15e521a439e6d9addceadb3f79553fd24c72774f0649ba"


def test_the_packed_library_is_the_published_file() -> None:
    source = gzip.decompress(base64.b64decode(packed_plotly()))
    assert hashlib.sha256(source).hexdigest() == PUBLISHED
