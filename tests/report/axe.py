"""What axe-core, in a real browser, finds wrong with a page for keyboards and screen readers."""

import html as text_of
import json
import re
import subprocess
from importlib.resources import files
from pathlib import Path
from typing import Any

#: Of axe's four impacts those that keep somebody from reading.
SERIOUS = {"serious", "critical"}
_RUN = """
<script>{axe}</script>
<script>
addEventListener("load", async () => {
  await new Promise((resolve) => setTimeout(resolve, 1500));  // until the charts are drawn
  const found = await axe.run();
  const box = document.createElement("script");
  box.type = "application/json";
  box.id = "axe-found";
  const plain = found.violations.map((one) => ({
    rule: one.id, impact: one.impact, nodes: one.nodes.map((node) => node.html.slice(0, 200)),
  }));
  const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  box.textContent = JSON.stringify({
    rules: found.passes.length, violations: plain, wide: wide,
  }).replaceAll("<", "\\\\u003c");
  document.body.append(box);
});
</script>
"""


def audit(html: str, folder: Path, *, width: int, dark: bool, axe: str | None = None) -> Any:
    """Open a page in headless Chromium and run axe in it.

    Args:
        html: the page.
        folder: for the browser's files.
        width: of the window, CSS pixels.
        dark: whether the reader prefers dark colours.
        axe: source of axe-core; the one of the package axe-core-python if not given.

    Returns:
        ``rules`` that the page passes, ``violations`` with rule, impact and nodes, and how many
        pixels the page is ``wide``r than the window.
    """
    source = axe or files("axe_core_python").joinpath("axe.min.js").read_text("utf-8")
    page = folder / "page.html"
    page.write_text(html.replace("</body>", _RUN.replace("{axe}", source) + "</body>"), "utf-8")
    flags = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--dump-dom",
        "--virtual-time-budget=30000",
        f"--window-size={width},900",
        f"--blink-settings=preferredColorScheme={0 if dark else 1}",
        f"--user-data-dir={folder / 'profile'}",
    ]
    done = subprocess.run(
        ["chromium", *flags, page.as_uri()], capture_output=True, text=True, timeout=120, check=True
    )
    found = re.search(r'id="axe-found">(.*?)</script>', done.stdout, re.DOTALL)
    assert found is not None, done.stderr[-2000:]
    return json.loads(text_of.unescape(found[1]))
