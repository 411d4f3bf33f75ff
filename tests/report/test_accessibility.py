"""The report for keyboards, screen readers and small screens, in a real browser."""

import shutil
from pathlib import Path

import pytest

from edgeprune.report import render
from tests.report.axe import SERIOUS, audit
from tests.report.sample import summary

pytest.importorskip("axe_core_python", reason="needs axe-core")


@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs chromium")
@pytest.mark.parametrize(("width", "dark"), [(1280, False), (390, True)])
def test_axe_finds_nothing_serious(width: int, dark: bool, tmp_path: Path) -> None:
    found = audit(render(summary()), tmp_path, width=width, dark=dark)
    assert found["rules"] > 10
    assert [one for one in found["violations"] if one["impact"] in SERIOUS] == []
    assert found["wide"] <= 0


@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs chromium")
def test_axe_finds_what_is_wrong(tmp_path: Path) -> None:
    page = '<html><body><img src="data:,"><p style="color:#ccc">pale</p></body></html>'
    rules = {one["rule"] for one in audit(page, tmp_path, width=390, dark=False)["violations"]}
    assert {"image-alt", "color-contrast"} <= rules
