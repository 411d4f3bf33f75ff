"""`edgeprune samplers`, and the page that says the same at length."""

import json
from pathlib import Path

from typer.testing import CliRunner

from edgeprune.cli.app import app
from edgeprune.search.samplers import samplers

DOCS = Path(__file__).parents[2] / "docs"


def test_every_sampler_says_what_it_is_and_when_to_take_it() -> None:
    shown = CliRunner().invoke(app, ["samplers"], env={"COLUMNS": "80"})
    assert shown.exit_code == 0 and max(map(len, shown.output.splitlines())) <= 80
    found = json.loads(CliRunner().invoke(app, ["samplers", "--json"]).output)["samplers"]
    assert found[0]["name"] == "knapsack"
    for one in found:
        assert one["name"] in shown.output
        assert one["about"] and one["when"]


def test_the_page_of_samplers_has_all_of_them() -> None:
    page = (DOCS / "samplers.md").read_text()
    for name, spec in samplers().items():
        line = next(
            line for line in page.splitlines() if line.startswith("| `") and f"`{name}`" in line
        )
        assert spec.when.split(";")[0] in line, name
