"""Every link between our pages leads somewhere, headings included."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]

_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_CODE = re.compile(r"^```.*?^```$|`[^`\n]*`", re.MULTILINE | re.DOTALL)


def _anchors(page: Path) -> set[str]:
    """What MkDocs makes of a page's headings."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    words = (re.sub(r"[^\w\s-]", "", heading).strip().lower() for heading in _HEADING.findall(text))
    return {re.sub(r"[-\s]+", "-", word) for word in words}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_relative_links_lead_somewhere(page: Path) -> None:
    for link in _LINK.findall(_CODE.sub("", page.read_text())):
        if link.startswith(("https://", "http://")):
            continue
        path, _, anchor = link.partition("#")
        found = (page.parent / path).resolve() if path else page
        assert found.exists(), f"{page.name} links to {link}, which is not there"
        assert not anchor or anchor in _anchors(found), f"{found.name} has no heading {anchor!r}"


@pytest.mark.parametrize("page", PAGES[1:], ids=lambda page: str(page.relative_to(ROOT)))
def test_pages_link_to_pages_alone(page: Path) -> None:
    """The site holds docs/ and nothing beside it."""
    for link in _LINK.findall(_CODE.sub("", page.read_text())):
        if not link.startswith(("https://", "http://", "#")):
            target = (page.parent / link.partition("#")[0]).resolve()
            assert target.is_relative_to(DOCS), f"{link} leaves docs/: name it in code instead"


def test_every_decision_is_listed() -> None:
    folder = DOCS / "decisions"
    listed = set(_LINK.findall((folder / "index.md").read_text()))
    assert {page.name for page in folder.glob("0*.md")} == listed, "add it to decisions/index.md"


def test_pages_that_the_code_names_exist() -> None:
    pattern = re.compile(r"\bdocs/([\w/-]+\.md)(?:#([\w-]+))?")
    folders = ("edgeprune", "benchmarks", "examples", "targets", "calibration", "docker")
    sources = [path for folder in folders for path in (ROOT / folder).rglob("*.*")]
    for source in sources:
        if source.suffix not in {".py", ".yaml", ".sh", ".md", ".Dockerfile", ".hcl"}:
            continue
        for name, anchor in pattern.findall(source.read_text()):
            page = DOCS / name
            assert page.exists(), f"{source} names docs/{name}, which is not there"
            assert not anchor or anchor in _anchors(page), f"{source}: no #{anchor} in {name}"
