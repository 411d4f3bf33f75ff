"""A run directory from somebody else runs nothing that it names, unless a person says so."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

import edgeprune as ep
from edgeprune.config import load_pipeline
from edgeprune.errors import EdgepruneError, InterruptedRun, RunError
from edgeprune.pipeline import verify_file, write_report
from edgeprune.pipeline.consent import refusal, remember, require_consent, undue
from edgeprune.pipeline.overview import overview
from edgeprune.pipeline.run_directory import RunDirectory
from tests.called import called
from tests.conftest import TINY

Edit = Callable[[dict[str, dict[str, object]]], None]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of this user; not to be changed."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "tiny.yaml").write_text(TINY)
    quick = ("search.trials=2", "finetune.epochs=0", "workload.train.epochs=1")
    ep.run(folder / "tiny.yaml", run_dir=folder / "run", overrides=quick, progress=False)
    return folder / "run"


@pytest.fixture
def stranger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another user, who has made nothing here."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "their-data"))


@pytest.fixture
def received(made: Path, tmp_path: Path) -> Callable[..., RunDirectory]:
    """A copy of the run whose pipeline somebody has edited."""

    def copy(edit: Edit | None = None, *, name: str = "received") -> RunDirectory:
        directory = RunDirectory(shutil.copytree(made, tmp_path / name))
        if edit is not None:
            pipeline = yaml.safe_load(directory.pipeline.read_text())
            edit(pipeline)
            directory.pipeline.write_text(yaml.safe_dump(pipeline))
        return directory

    return copy


def _touching(path: Path, setting: str) -> Edit:
    """Code that makes a file, behind one of the settings that can name code."""
    section, part, key = setting.split(".")

    def edit(pipeline: dict[str, dict[str, object]]) -> None:
        place = pipeline[section][part] if part else pipeline[section]
        place |= {key: "os:system"}  # type: ignore[operator]
        if part:
            place |= {"args": {"command": f"touch {path}"}}  # type: ignore[operator]

    return edit


COMMANDS = (
    ("resume",),
    ("export", "--precision", "float16"),
    ("finish", "--trial", "0"),
    ("verify",),
)


def _call(command: tuple[str, ...], directory: RunDirectory, *more: str) -> tuple[int, str]:
    if command[0] == "verify":
        model = directory.path / "model.onnx"
        done = called("verify", model, "--against", directory.path, *more)
    else:
        done = called(command[0], directory.path, *command[1:], *more)
    return done.exit_code, done.stderr


@pytest.mark.parametrize("command", COMMANDS, ids=lambda words: words[0])
@pytest.mark.parametrize("setting", ["workload.model.name", "workload.data.name"])
def test_no_command_runs_what_an_edited_run_names(
    command: tuple[str, ...],
    setting: str,
    received: Callable[..., RunDirectory],
    tmp_path: Path,
) -> None:
    trace = tmp_path / "trace"
    directory = received(_touching(trace, setting))
    if command[0] == "resume":
        directory.forget("bundle")
    code, said = _call(command, directory)
    by_graph = command[0] == "verify" and setting == "workload.model.name"
    if not by_graph:
        assert code == 2 and "allowed: --trust" in said
        assert f"{setting}: os:system with {{'command': 'touch {trace}'}}" in said
    assert not trace.exists()


def test_trust_runs_it(received: Callable[..., RunDirectory], tmp_path: Path) -> None:
    """So that the tests above can fail."""
    trace = tmp_path / "trace"
    directory = received(_touching(trace, "workload.model.name"))
    code, said = _call(("export",), directory, "--trust")
    assert code == 2 and "os:system gave a int" in said and trace.exists()


@pytest.mark.parametrize("setting", ["search..sampler", "search..reward"])
def test_samplers_and_rewards_are_code_too(
    setting: str, received: Callable[..., RunDirectory], tmp_path: Path
) -> None:
    directory = received(_touching(tmp_path / "trace", setting))
    with pytest.raises(RunError, match=rf"search\.{setting.rpartition('.')[2]}: os:system"):
        ep.finish_point(directory.path, trial=0, progress=False)


def test_reports_and_lists_run_nothing(
    received: Callable[..., RunDirectory], tmp_path: Path
) -> None:
    trace = tmp_path / "trace"
    directory = received(_touching(trace, "workload.data.name"))
    directory.report.unlink()
    assert write_report(directory.path).exists()
    assert ep.resume(directory.path, progress=False).report.exists()  # it has finished
    assert [line.state for line in overview(directory.path)] == ["finished"]
    assert not trace.exists()


def test_a_profile_in_the_directory_is_not_used(
    received: Callable[..., RunDirectory], tmp_path: Path
) -> None:
    trace = tmp_path / "trace"
    directory = received(lambda pipeline: pipeline.update(target="./evil.yaml"))
    command = json.dumps(["sh", "-c", f"touch {trace}"])
    (directory.path / "evil.yaml").write_text(
        f"{{name: evil, kind: command, command: {{python: {command}}}}}"
    )
    with pytest.raises(RunError, match=r"target: .*evil\.yaml \(a profile can name commands"):
        ep.finish_point(directory.path, trial=0, progress=False)
    assert not trace.exists()
    with pytest.raises(EdgepruneError, match="evil"):
        ep.finish_point(directory.path, trial=0, progress=False, trust=True)
    assert trace.exists()


def test_a_history_of_the_directorys_choice_is_not_opened(
    received: Callable[..., RunDirectory], tmp_path: Path
) -> None:
    chosen = tmp_path / "chosen.db"
    directory = received(lambda pipeline: pipeline.update(history=str(chosen)))
    with pytest.raises(RunError, match=r"history: .*chosen\.db \(what is measured is written"):
        ep.finish_point(directory.path, latency="0.7x", progress=False)
    assert not chosen.exists()


def test_ones_own_run_needs_no_word_wherever_it_is_moved(
    received: Callable[..., RunDirectory],
) -> None:
    directory = received()
    found = verify_file(directory.path / "model.onnx", directory.path, progress=False)
    assert found.verification.top1_agreement == 1.0
    assert not any("was not made here" in one for one in found.warnings)


@pytest.mark.usefixtures("stranger")
def test_verify_holds_a_file_to_the_graph_where_the_model_is_code(
    received: Callable[..., RunDirectory], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "leaves_a_trace.py").write_text("open('trace', 'w')\n")
    monkeypatch.chdir(tmp_path)

    def edit(pipeline: dict[str, dict[str, object]]) -> None:
        pipeline["workload"]["model"] |= {"name": "leaves_a_trace:net"}  # type: ignore[operator]

    directory = received(edit)
    model = directory.path / "model.onnx"
    found = verify_file(model, directory.path, target="simulated", progress=False)
    assert found.verification.top1_agreement == 1.0 and found.comparison is not None
    assert "held to its model.onnx, and nothing that it names was run" in found.warnings[0]
    assert not (tmp_path / "trace").exists()
    (directory.path / "model.onnx").write_bytes(b"other")
    with pytest.raises(RunError, match=r"model\.onnx was changed"):
        verify_file(model, directory.path, progress=False)


@pytest.mark.usefixtures("stranger")
def test_consent_is_remembered_for_this_directory_and_this_pipeline(
    received: Callable[..., RunDirectory],
) -> None:
    directory, other = received(), received(name="another")
    config = load_pipeline(directory.pipeline)
    assert undue(directory, config) == ["workload.model.name: tests.models:tiny_cnn"]
    require_consent(directory, config, trust=True)
    require_consent(directory, config, trust=False)
    with pytest.raises(RunError, match="was not made here"):
        require_consent(other, config, trust=False)
    directory.pipeline.write_text(directory.pipeline.read_text() + "\n")
    with pytest.raises(RunError, match="was not made here"):
        require_consent(directory, config, trust=False)


def test_without_a_place_for_marks_consent_is_asked_for_each_time(
    received: Callable[..., RunDirectory], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "file"))
    directory = received()
    config = load_pipeline(directory.pipeline)
    remember(directory)
    for _ in range(2):
        with pytest.raises(RunError, match="--trust"):
            require_consent(directory, config, trust=False)
        require_consent(directory, config, trust=True)


def test_a_run_without_a_place_for_marks_says_so(
    tiny_pipeline: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "file"))

    def stop(stage: str) -> None:
        raise KeyboardInterrupt

    run = tmp_path / "run"
    with pytest.raises(InterruptedRun):
        ep.run(tiny_pipeline, run_dir=run, progress=False, listener=ep.Listener(on_stage=stop))
    assert "is not known as made here" in (run / "log.txt").read_text()
    with pytest.raises(RunError, match="--trust"):
        ep.resume(run, progress=False)


@pytest.mark.usefixtures("stranger")
def test_a_received_run_that_names_nothing_needs_no_word(
    received: Callable[..., RunDirectory],
) -> None:
    def edit(pipeline: dict[str, dict[str, object]]) -> None:
        pipeline["workload"]["model"] |= {"name": "resnet20"}  # type: ignore[operator]
        pipeline["search"] |= {"sampler": "optuna:TPESampler", "options": {}}
        pipeline["target"] = "raspberry-pi-4"  # type: ignore[assignment]

    directory = received(edit)
    assert undue(directory, load_pipeline(directory.pipeline)) == []


@pytest.mark.parametrize("name", [".lock", "log.txt"])
def test_a_link_is_not_written_through(
    name: str, received: Callable[..., RunDirectory], tmp_path: Path
) -> None:
    victim = tmp_path / "victim"
    victim.write_text("years of work")
    directory = received()
    (directory.path / name).unlink(missing_ok=True)
    (directory.path / name).symlink_to(victim)
    for use in (
        lambda: ep.resume(directory.path, progress=False),
        lambda: ep.finish_point(directory.path, trial=0, progress=False),
    ):
        with pytest.raises(RunError, match="link"):
            use()
    directory.forget("bundle")
    assert [line.state for line in overview(directory.path)] == ["interrupted"]
    assert victim.read_text() == "years of work"


def test_links_that_lead_out_are_told(
    received: Callable[..., RunDirectory], tmp_path: Path
) -> None:
    directory = received()
    (directory.path / "ladder").symlink_to(tmp_path)
    (directory.path / "round").symlink_to("round")
    (directory.path / "inside").symlink_to("model.onnx")
    found = undue(directory, load_pipeline(directory.pipeline))
    assert found == [f"ladder, a link to {tmp_path}"]
    assert "ladder, a link" in refusal(directory, found)


@pytest.mark.parametrize("name", ["../../x", "/etc/x", "a/b", "..", ".hidden", "", "a\\b", "a\0"])
def test_names_in_records_lead_nowhere(name: str, tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path)
    for use in (lambda: directory.contender(name, "onnx"), lambda: directory.done(name)):
        with pytest.raises(RunError, match="leads out of the run directory"):
            use()
