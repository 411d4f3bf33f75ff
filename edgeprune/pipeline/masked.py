"""A run that prunes single weights: the same stages as one of channels, beside it."""

from typing import Any

from edgeprune.files import write_atomic
from edgeprune.pipeline.artifacts import wanted_artifacts, write_artifacts
from edgeprune.pipeline.finishing import finish_base, finished_source
from edgeprune.pipeline.ladder import Rung, regimes, rungs, write_rungs
from edgeprune.pipeline.masked_bundling import write_masked_bundle
from edgeprune.pipeline.masked_finishing import MaskedSession, finish_masked
from edgeprune.pipeline.session import Session
from edgeprune.pipeline.weights import sampler_options
from edgeprune.pruning import Densities
from edgeprune.search import SearchResult, SearchTrial, make_reward, run_search, sampler_spec


def masked_stages(session: Session) -> dict[str, Any]:
    """Search densities within the sparsity, finish the best beside its baselines, write the bundle.

    The baselines have the same density and the same fine-tuning: global magnitude (one threshold
    for all weights, arXiv 2209.14624: the one to beat), the same density in every layer, and
    random search with as many trials. A search scores before fine-tuning, which does not rank
    candidates as after it where little is left; so its best and global magnitude are compared once
    more after fine-tuning, on the reward images, and the better one is the result.

    Args:
        session: the open run.

    Returns:
        The manifest.

    Raises:
        ConfigError: no mask is as sparse as the budget asks for.
    """
    base = finish_base(session)
    run = MaskedSession.of(session)
    config, density = session.config.search, run.density
    ladder = regimes(config.sampler, sampler_options(session.config), density)
    found = _search(run, "search", config.sampler, ladder)
    compared = _search(run, "random", "random", ())
    baselines = {
        "searched": best_within(found, density),
        "magnitude": run.space.by_magnitude(density),
        "uniform": _uniform(run),
        "random": best_within(compared, density),
    }
    finished = {
        name: finish_masked(run, name, densities, density) for name, densities in baselines.items()
    }
    result = _better(run, finished.pop("searched"), finished["magnitude"])
    climbed = [
        (rung, finish_masked(run, rung.name, rung.widths, rung.regime))
        for rung in rungs(found, ladder[:-1], trial_density, "sparsity")
    ]
    last = [(Rung("result", "sparsity", density, {}), result)] if ladder else []
    settings = session.config.export
    source = finished_source(session, "result")
    accuracy = result["verification"]["accuracy"]
    artifacts = write_artifacts(session, source, accuracy, settings, wanted_artifacts(settings))
    contenders = {"base": base, "result": result, **finished}
    steps = write_rungs(session, [*climbed, *last])
    return write_masked_bundle(run, contenders, artifacts, steps)


def _better(
    run: MaskedSession, searched: dict[str, Any], magnitude: dict[str, Any]
) -> dict[str, Any]:
    """The better one of two finished contenders on the reward images, as the result."""
    directory = run.session.directory
    chosen = max(searched, magnitude, key=lambda one: float(one["reward_accuracy"]))
    if (record := directory.record("result")) is not None:
        return dict(record)
    for suffix in ("onnx", "sparse.onnx", "safetensors", "plan.json"):
        content = directory.contender(chosen["name"], suffix).read_bytes()
        write_atomic(directory.contender("result", suffix), content)
    return dict(directory.finish("result", {**chosen, "chosen": chosen["name"]}))


def trial_density(trial: SearchTrial) -> float:
    """Share of the prunable weights that a trial's candidate kept."""
    return float(trial.outcome.details["density"])


def best_within(found: SearchResult, density: float) -> Densities:
    """The densities with the highest reward that meet the budget; all searches have some."""
    within = [trial for trial in found.trials if trial_density(trial) <= density]
    if within:
        return max(within, key=lambda trial: trial.reward).widths
    return min(found.trials, key=trial_density).widths


def _search(run: MaskedSession, name: str, sampler: str, ladder: tuple[float, ...]) -> SearchResult:
    """One search; learning samplers begin with global magnitude at the budget and every regime."""
    session, own = run.session, name == "search"
    config, problem = session.config.search, run.problem
    options = sampler_options(session.config) if own else {}
    # The comparison draws its own numbers: a user's random search must not be it once more.
    seed = config.seed if own else config.seed + 1
    first: list[Densities] = []
    if own and sampler_spec(sampler).learns:
        first = [run.space.by_magnitude(one) for one in (run.density, *ladder[:-1])]
    best: list[SearchTrial] = []
    with session.reporter.task(f"search {sampler}", config.trials) as task:

        def on_trial(trial: SearchTrial) -> None:
            density = trial_density(trial)
            if density <= run.density and (not best or trial.reward > best[0].reward):
                best[:] = [trial]
            session.reporter.log(
                f"{name} trial {trial.number}: reward {trial.reward:.4f}, accuracy "
                f"{trial.outcome.accuracy:.4f}, density {density:.4f}"
            )
            note = f"best {best[0].outcome.accuracy:.1%}" if best else "none within the budget yet"
            task.advance(note=note)

        return run_search(
            problem,
            sampler_spec(sampler).make(problem, seed, config.trials, options),
            run.evaluator,
            make_reward(config.reward, run.density),
            trials=config.trials,
            directory=session.directory.path / name,
            on_trial=on_trial,
            enqueue=first[: config.trials],
        )


def _uniform(run: MaskedSession) -> Densities:
    """The largest uniform density within the budget: layers at their least leave less to others."""
    shares = (one / 1000 for one in range(1000, 0, -1))
    plans = (run.space.uniform(share) for share in shares)
    return next(one for one in plans if run.space.density(one) <= run.density)
