"""The `edgeprune` command and its sub-commands."""

from pathlib import Path
from typing import Annotated

import typer

from edgeprune import __version__
from edgeprune.cli.characters import use_utf8
from edgeprune.cli.history import app as history_app
from edgeprune.cli.outcomes import exit_for_errors, prepare, print_json
from edgeprune.cli.target import app as target_app
from edgeprune.terminal import say

app = typer.Typer(
    help="Prune a trained CNN until it meets a latency budget measured on your device.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

app.add_typer(target_app, name="target")
app.add_typer(history_app, name="history")

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")]
RunDir = Annotated[Path, typer.Argument(help="A run directory.", metavar="RUN_DIR")]
Trust = Annotated[
    bool,
    typer.Option("--trust", help="Run code that a run made elsewhere names; remembered for it."),
]
Again = Annotated[
    str | None,
    typer.Option("--history", help="Its history's address, where that has a password."),
]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", help="Override a setting: budget.latency=0.4x", metavar="KEY=VALUE"),
]


def _show_version(value: bool) -> None:
    if value:
        say(f"edgeprune {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show it.")
    ] = False,
) -> None:
    pass


@app.command()
def run(
    pipeline: Annotated[Path, typer.Argument(help="The pipeline file.")],
    run_dir: Annotated[
        Path | None, typer.Option(help="Where to keep the run; a new folder in runs/ by default.")
    ] = None,
    overrides: Overrides = None,
    seed: Annotated[int | None, typer.Option(help="The search's seed.")] = None,
    device: Annotated[
        str | None, typer.Option(help="Where weights are trained: `cpu` or `cuda`.")
    ] = None,
    history: Annotated[
        str | None, typer.Option(help="A file or a database URL; `none` for no history.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Run a pipeline: trained CNN in, verified smaller artifact out.

    Exit status: 0 the budget is met, 2 something you gave cannot be used, 3 the budget cannot be
    met (the best artifact is written all the same), 4 the last board of a pool went away, 130
    interrupted.
    """
    from edgeprune.config import load_pipeline

    short = {"train_on": device, "history": history}
    settings = [
        *(overrides or ()),
        *(f"{key}={value}" for key, value in short.items() if value),
    ]
    with exit_for_errors():
        load_pipeline(pipeline, settings)  # a typo is told before torch is loaded
        from edgeprune.cli.results import show_result
        from edgeprune.pipeline import run as run_pipeline

        result = run_pipeline(pipeline, run_dir=run_dir, overrides=settings, seed=seed)
        show_result(result, as_json=as_json)


@app.command()
def init(
    model: Annotated[
        str | None, typer.Option(help="resnet20, a torchvision classifier, or module:function.")
    ] = None,
    weights: Annotated[
        str | None, typer.Option(help="A .pt or .safetensors file, `pretrained`, or `none`.")
    ] = None,
    data: Annotated[
        str | None, typer.Option(help="A folder of images, digits, or module:function.")
    ] = None,
    target: Annotated[str | None, typer.Option(help="A profile's name or file.")] = None,
    budget: Annotated[str | None, typer.Option(help="Of the base's latency: 0.5x.")] = None,
    image_size: Annotated[int | None, typer.Option(help="Pixels; found out if not given.")] = None,
    args: Annotated[
        str | None, typer.Option(help="Keyword arguments of the model's function: {width: 0.5}.")
    ] = None,
    output: Annotated[Path, typer.Option(help="The file to write.")] = Path("pipeline.yaml"),
) -> None:
    """Look at your model and images, and write a pipeline file that runs; asks what is missing."""
    from edgeprune.cli.init import asked, read_args, write_pipeline

    with exit_for_errors():
        from edgeprune.pipeline.proposal import Wishes, check_absent

        check_absent([output])
        name = asked(model, "Model: a name, or module:function")
        given = asked(weights, "Weights: a file, `pretrained`, or `none` to train here", "none")
        wishes = Wishes(
            model=name,
            weights=None if given.lower() == "none" else given,
            data=asked(data, "Images: a folder, a data set's name, or module:function"),
            target=asked(target, "Target", "local"),
            budget=asked(budget, "Latency budget", "0.5x"),
            image_size=image_size,
            args=read_args(args),
        )
        write_pipeline(wishes, output)


@app.command()
def check(
    pipeline: Annotated[Path, typer.Argument(help="The pipeline file.")],
    overrides: Overrides = None,
    as_json: Json = False,
) -> None:
    """Tell in seconds what would stop a run, and how long it will take.

    Exit status: 0 a run can begin, 2 a link is broken: the last line says what is allowed.
    """
    from edgeprune.config import load_pipeline

    with exit_for_errors():
        load_pipeline(pipeline, overrides or ())  # a typo is told before torch is loaded
        from edgeprune.cli.target_views import tell_links
        from edgeprune.pipeline import check_pipeline

        tell_links(check_pipeline(pipeline, overrides or ()), "ready", as_json=as_json)


@app.command()
def resume(
    run_dir: RunDir, trust: Trust = False, history: Again = None, as_json: Json = False
) -> None:
    """Go on with an interrupted run; nothing finished is done again."""
    from edgeprune.cli.results import show_result

    with exit_for_errors():
        from edgeprune.pipeline import resume as resume_run

        show_result(resume_run(run_dir, trust=trust, history=history), as_json=as_json)


@app.command()
def finish(
    run_dir: RunDir,
    trial: Annotated[int | None, typer.Option(help="Number of a trial of its search.")] = None,
    latency: Annotated[
        str | None, typer.Option(help="Another budget: 0.6x of the base's latency, or 8ms.")
    ] = None,
    accuracy_drop: Annotated[
        float | None, typer.Option(help="The fastest that loses so many points at most.")
    ] = None,
    trust: Trust = False,
    history: Again = None,
    as_json: Json = False,
) -> None:
    """Finish another trial or budget of a finished run, without a new search.

    Exit status: 0 it is within its budget, 3 it is not; it is a bundle of its own either way.
    """
    from edgeprune.cli.results import show_point

    with exit_for_errors():
        from edgeprune.pipeline import finish_point

        point = finish_point(
            run_dir,
            trial=trial,
            latency=latency,
            accuracy_drop=accuracy_drop,
            trust=trust,
            history=history,
        )
        show_point(run_dir, point, as_json=as_json)


@app.command()
def runs(
    folder: Annotated[Path, typer.Argument(help="Holds run directories.")] = Path("runs"),
    as_json: Json = False,
) -> None:
    """List the runs in a folder: state, budget, result."""
    from edgeprune.cli.runs import show_runs

    with exit_for_errors():
        from edgeprune.pipeline.overview import overview

        show_runs(overview(folder), as_json=as_json)


@app.command()
def report(run_dir: RunDir) -> None:
    """Write the HTML page of a run again."""
    with exit_for_errors():
        from edgeprune.pipeline import write_report

        say(write_report(run_dir))


@app.command()
def devices(
    names: Annotated[
        list[str], typer.Argument(help="A run directory, or targets.", metavar="RUN_DIR|TARGET...")
    ],
    once: Annotated[bool, typer.Option(help="Print once, also on a terminal.")] = False,
    as_json: Json = False,
) -> None:
    """Show the boards of a run that goes on, or try targets: state, temperature, latency, errors.

    On a terminal the table of a run goes on until it ends, or Ctrl-C; piped it is printed once.
    Exit status: 0 a board is there, 2 none is.
    """
    from edgeprune.cli.devices import show_run, try_targets

    with exit_for_errors():
        if len(names) == 1 and Path(names[0]).is_dir():
            show_run(Path(names[0]), once=once, as_json=as_json)
        else:
            try_targets(names, as_json=as_json)


@app.command()
def samplers(as_json: Json = False) -> None:
    """List what can propose widths, and when to take which."""
    with exit_for_errors():
        from edgeprune.cli.samplers import show_samplers

        show_samplers(as_json=as_json)


@app.command()
def inspect(
    model: Annotated[str, typer.Argument(help="A pipeline file, or module:function.")],
    shape: Annotated[
        str | None,
        typer.Option("--input", help="Input shape(s) of a module:function: 1x3x224x224, 1x1x16000"),
    ] = None,
    overrides: Overrides = None,
    clusters: Annotated[
        int | None, typer.Option(help="Show which groups sampler bocr would tie, in so many.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show a model's channel groups: layers, channels, share of MACs, what is fixed and why."""
    from edgeprune.cli.clusters import find_clusters, show_clusters
    from edgeprune.cli.inspection import open_space, space_record, space_table

    with exit_for_errors():
        space = open_space(model, shape, overrides or ())
        found = None if clusters is None else find_clusters(space, clusters)
        if as_json:
            print_json(space_record(space) | ({"clusters": found[1]} if found else {}))
            return
        space_table(space)
        if found:
            show_clusters(*found)


@app.command()
def export(
    run_dir: RunDir,
    precision: Annotated[
        list[str] | None, typer.Option(help="float32, float16 or int8; may be given twice.")
    ] = None,
    formats: Annotated[
        list[str] | None,
        typer.Option("--format", help="onnx, tflite, tvm or a package's; may be given twice."),
    ] = None,
    calibration: Annotated[
        str | None, typer.Option(help="Recipe of int8: its name, or a YAML file.")
    ] = None,
    accuracy_drop: Annotated[
        float | None, typer.Option(help="Percentage points it may lose to float32.")
    ] = None,
    trust: Trust = False,
    as_json: Json = False,
) -> None:
    """Write a finished run's model in another format or precision; kept if right and faster.

    Exit status: 0 all were kept, 3 one was rejected (its reason is told).
    """
    from edgeprune.cli.artifacts import show_artifacts

    with exit_for_errors():
        from edgeprune.pipeline import export_run

        records = export_run(
            run_dir,
            precision=precision or ["int8"],
            formats=formats or ["onnx"],
            calibration=calibration,
            drop=accuracy_drop,
            trust=trust,
        )
        show_artifacts(records, as_json=as_json)


@app.command()
def verify(
    model: Annotated[
        Path, typer.Argument(help="A model file: .onnx, .tflite, or .so (a program).")
    ],
    against: Annotated[Path, typer.Option(help="A finished run.")],
    target: Annotated[
        str | None, typer.Option("--target", "-t", help="Also time it there.")
    ] = None,
    trust: Trust = False,
    as_json: Json = False,
) -> None:
    """Run any file over a finished run's test images, beside its torch model."""
    from edgeprune.cli.artifacts import show_verified

    with exit_for_errors():
        from edgeprune.pipeline import verify_file

        found = verify_file(model, against, target=target, trust=trust)
        show_verified(found, as_json=as_json)


@app.command()
def build(
    run_dir: RunDir,
    target: Annotated[str, typer.Option("--target", "-t", help="A profile's name, or a file.")],
    output: Annotated[Path, typer.Option(help="Gets a folder named after the target.")] = Path(
        "dist"
    ),
    runners: Annotated[
        list[str] | None,
        typer.Option("--runner", help="onnxruntime or compiled; all that can be, by default."),
    ] = None,
    in_docker: Annotated[
        bool, typer.Option("--in-docker", help="With the compilers of a builder image.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Build programs and libraries that run a finished run's model on a device.

    Exit status: 0 all products fit the device, 1 a runner computes something else, 2 something
    is missing or does not fit.
    """
    from edgeprune.cli.building import build_products

    with exit_for_errors():
        build_products(run_dir, target, output, runners or [], in_docker=in_docker, as_json=as_json)


@app.command()
def setup(
    part: Annotated[str, typer.Argument(help="tflite: the converter that writes TFLite files.")],
) -> None:
    """Install what has to stay apart from edgeprune, once, into the user's cache."""
    with exit_for_errors():
        from edgeprune.cli.setup import set_up

        set_up(part)


@app.command()
def schema(
    kind: Annotated[str, typer.Argument(help="pipeline, target or calibration.")] = "pipeline",
    output: Annotated[
        Path | None, typer.Option(help="Write it there, and print the line that names it.")
    ] = None,
) -> None:
    """Write the JSON Schema of a kind of YAML file, from which an editor completes."""
    with exit_for_errors():
        from edgeprune.cli.schema import write_schema

        write_schema(kind, output)


@app.command()
def measure(
    model: Annotated[Path, typer.Argument(help="A model file: .onnx or .tflite.")],
    target: Annotated[
        str, typer.Option("--target", "-t", help="A profile's name, or a YAML file.")
    ] = "local",
    against: Annotated[
        Path | None, typer.Option(help="Another file, timed in turns with the first.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Measure a model file's latency on a device; no pipeline is needed."""
    from edgeprune.cli.measure import measure_files, show_measured

    with exit_for_errors():
        found = measure_files(model, target, against)
        if as_json:
            print_json(found.to_json())
        else:
            show_measured(found)


def main() -> None:
    """Entry point of the `edgeprune` command."""
    use_utf8()
    prepare()
    app()


if __name__ == "__main__":
    main()
