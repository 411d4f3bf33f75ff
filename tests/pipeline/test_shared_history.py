"""Two pipelines at the same time, with one PostgreSQL server as their history."""

import subprocess
from collections.abc import Callable
from pathlib import Path

from edgeprune.history import History
from edgeprune.search import read_trials
from edgeprune.testing.postgresql import NEEDS_POSTGRESQL

SHORT = (
    "search.sampler=history",
    "search.trials=6",
    "search.curves_s=0",
    "search.reward=accuracy",
    "finetune.epochs=0",
    "workload.train.epochs=1",
)


@NEEDS_POSTGRESQL
def test_two_pipelines_share_a_server(
    tiny_pipeline: Path,
    tmp_path: Path,
    postgresql_url: str,
    start_cli: Callable[..., subprocess.Popen[str]],
) -> None:
    settings = [word for one in SHORT for word in ("--set", one)]
    begun = [
        start_cli(
            *("run", tiny_pipeline, "--run-dir", tmp_path / f"run-{seed}", "--seed", seed),
            *("--history", postgresql_url, *settings),
        )
        for seed in (0, 5)
    ]
    for process in begun:
        out, error = process.communicate(timeout=200)
        assert process.returncode in {0, 3}, out + error
    with History.open(postgresql_url) as history:
        lines = history.runs.lines()
        searches = sorted((line.run.facts["search"], line.run.facts["seed"]) for line in lines)
        assert searches == [("random", 0), ("random", 5), ("search", 0), ("search", 5)]
        assert len({line.run.target for line in lines}) == 1
        for line in lines:
            run_dir = tmp_path / f"run-{line.run.facts['seed']}"
            kept = history.runs.trials(line.run.id)
            own = read_trials(run_dir / str(line.run.facts["search"]))
            assert [one.number for one in kept] == list(range(6))
            assert [dict(one.widths) for one in kept] == [one.widths for one in own]
            assert [one.reward for one in kept] == [one.reward for one in own]
        (target,) = history.targets()
        assert history.kernels(target)
    assert not list(tmp_path.glob("run-*/history-missed-*"))
