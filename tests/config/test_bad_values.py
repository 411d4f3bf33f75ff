import pytest

from edgeprune.config import load_pipeline


def test_a_misspelt_key_reads_like_this(complain, good: str) -> None:
    assert complain(good.replace("{latency", "{latencyy")) == (
        "pipeline.yaml:5:10: budget.latencyy: unknown key 'latencyy'; "
        "allowed: latency, latency_ms, sparsity, size, peak_memory, macs, energy, accuracy_drop; "
        "did you mean 'latency'?"
    )


TRIALS = "must be a whole number at least 1 and at most 1000000;"


@pytest.mark.parametrize(
    ("old", "new", "key", "meant"),
    [
        ("workload:", "worklod:", "worklod", "workload"),
        ("budget:", "buget:", "buget", "budget"),
        ("model:", "modle:", "workload.modle", "model"),
        ("{name: resnet20}", "{name: r, wieghts: x}", "workload.model.wieghts", "weights"),
        ("{name: digits}", "{name: digits, sed: 1}", "workload.data.sed", "seed"),
        ("{epochs: 2}", "{epoch: 2}", "workload.train.epoch", "epochs"),
    ],
)
def test_misspelt_keys_at_every_level(
    old: str, new: str, key: str, meant: str, complain, good: str
) -> None:
    message = complain(good.replace(old, new))
    assert f": {key}: unknown key '{key.split('.')[-1]}'; allowed: " in message
    assert message.endswith(f"did you mean '{meant}'?")
    assert len(message.splitlines()) == 1, "a misspelt key is not also reported as missing"


@pytest.mark.parametrize(
    ("section", "key", "meant"),
    [
        ("prune", "importence", "importance"),
        ("search", "trails", "trials"),
        ("recover", "image", "images"),
        ("finetune", "distil", "distill"),
        ("export", "format", "formats"),
    ],
)
def test_misspelt_keys_in_every_stage(
    section: str, key: str, meant: str, complain, good: str
) -> None:
    message = complain(f"{good}{section}:\n  {key}: 1\n")
    assert message.startswith(f"pipeline.yaml:7:3: {section}.{key}: unknown key")
    assert message.endswith(f"did you mean '{meant}'?")


@pytest.mark.parametrize(
    "value", ["0", "0x", "2x", "1x", "fast", "-0.5x", "true", "0.5y", ".nan", "0.5", "5"]
)
def test_impossible_ratios(value: str, complain, good: str) -> None:
    message = complain(good.replace("0.5x", value))
    assert message.startswith("pipeline.yaml:5:19: budget.latency: must be a ratio")
    assert "above 0x and below 1x, such as 0.5x" in message
    assert "; got " in message


@pytest.mark.parametrize("value", ["0", "-1", "fast", "3.5ms", "true", ".inf", ".nan"])
def test_impossible_milliseconds(value: str, complain, good: str) -> None:
    message = complain(good.replace("latency: 0.5x", f"latency_ms: {value}"))
    assert message.startswith("pipeline.yaml:5:22: budget.latency_ms: must be a number above 0")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ("latency: []", "; the list is empty; got []"),
        ("latency: [0.7x, 1.2x]", "; item 2 of the list is none; got"),
        ("latency: [0.7x, 0.5]", "; item 2 of the list is none; got"),
        ("latency: [0.7x, [0.5x]]", "; item 2 of the list is none; got"),
        ("latency: [0.7x, null]", "; item 2 of the list is none; got"),
        ("latency: [0.5x, 0.7x]", "must go from loose to tight; allowed: [0.7x, 0.5x]; got ["),
        ("latency: [0.7x, 0.5x, 0.50x]", "must name each latency once, but has 0.5x twice; got"),
        ("latency_ms: []", "such as [8, 5]; the list is empty; got []"),
        ("latency_ms: [8, 0]", "such as [8, 5]; item 2 of the list is none; got [8, 0]"),
        ("latency_ms: [5, 8]", "must go from loose to tight; allowed: [8, 5]; got [5, 8]"),
        ("latency_ms: [8, 8]", "must name each latency once, but has 8 twice; got [8, 8]"),
    ],
)
def test_impossible_lists_of_budgets(values: str, said: str, complain, good: str) -> None:
    message = complain(good.replace("latency: 0.5x", values))
    key = values.partition(":")[0]
    assert message.startswith(f"pipeline.yaml:5:{12 + len(key)}: budget.{key}: must ")
    assert said in message and len(message.splitlines()) == 1


def test_both_budgets(complain, good: str) -> None:
    message = complain(good.replace("0.5x", "0.5x, latency_ms: 3.5"))
    assert message.startswith("pipeline.yaml:5:1: budget: got both latency 0.5x and latency_ms 3.5")


@pytest.mark.parametrize("budget", ["{}", "{latency: null}", "{latency: ~, latency_ms: }"])
def test_neither_budget(budget: str, complain, good: str) -> None:
    message = complain(good.replace("{latency: 0.5x}", budget))
    assert message.startswith("pipeline.yaml:5:1: budget: got none; allowed: one of latency")


def test_no_budget_section(complain, good: str) -> None:
    message = complain(good.replace("budget: {latency: 0.5x}", ""))
    assert message.startswith("pipeline.yaml:1:1: budget: missing.")


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("search: {trials: 0}", f"6:18: search.trials: {TRIALS} got 0"),
        ("search: {trials: '9'}", f"search.trials: {TRIALS} got '9'"),
        ("search: {trials: 1.5}", f"search.trials: {TRIALS} got 1.5"),
        ("search: {trials: true}", f"search.trials: {TRIALS} got true"),
        ("search: {seed: 9999999999}", "at least 0 and at most 4294967295; got 9999999999"),
        ("search: {sampler: ''}", "search.sampler: must be text that is not empty; got ''"),
        ("search: {options: 3}", "search.options: must be a section of your own keys; got 3"),
        ("search: 3", "search: must be a section with keys from sampler, trials, seed"),
        ("search: null", "6:1: search: must be a section with keys from sampler"),
        ("finetune: {lr: .nan}", "finetune.lr: must be a number above 0; got NaN"),
        ("finetune: {distill: yes}", "finetune.distill: must be true or false; got 'yes'"),
        ("prune: {min_keep: 1.5}", "must be a number above 0 and at most 1; got 1.5"),
        (
            "prune: {importance: l3}",
            "must be one of 'obs', 'l1', 'l2', 'fpgm', 'bn_scale', 'taylor'; got",
        ),
        ("prune: {importance: tailor}", "did you mean 'taylor'?"),
        ("prune: {channel_multiple: 0}", "must be a whole number at least 1, or a section with"),
        ("prune: {channel_multiple: {convs: 8}}", "unknown key 'convs'; allowed: conv, depthwise"),
        ("prune: {channel_multiple: {conv: 0}}", "must be a whole number at least 1; got 0"),
        ("prune: {include: conv1}", "prune.include: must be a list, each item text; got 'conv1'"),
        ("prune: {include: [a, 1]}", "6:22: prune.include[1]: must be text; got 1"),
        (
            "export: {formats: []}",
            "must be a non-empty list, each item one of 'onnx', 'tflite', 'tvm'; got []",
        ),
        (
            "export: {formats: [onxx]}",
            "formats[0]: must be one of 'onnx', 'tflite', 'tvm'; got 'onxx'; did you mean",
        ),
    ],
)
def test_wrong_values_say_what_is_allowed(setting: str, said: str, complain, good: str) -> None:
    message = complain(good + setting + "\n")
    assert said in message
    assert len(message.splitlines()) == 1


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("resnet20", "resnet20, weights: 3", "must be 'pretrained', a path or null; got 3"),
        ("resnet20", "resnet20, shortcut: a", "must be one of 'A', 'B'; got 'a'"),
        ("resnet20", "resnet20, num_classes: 1", "must be a whole number at least 2 or null"),
        ("digits", "digits, reward_split: 1", "must be a number above 0 and below 1; got 1"),
        ("digits", "digits, mean: [0, 0], std: [1]", "mean has 2 values and std has 1"),
        ("digits", "digits, std: [0]", "std[0]: must be a number above 0; got 0"),
        ("name: digits", "", "workload.data.name: missing. digits, digit_pairs, cifar10"),
    ],
)
def test_wrong_workloads(old: str, new: str, said: str, complain, good: str) -> None:
    message = complain(good.replace(old, new))
    assert said in message
    assert len(message.splitlines()) == 1


def test_a_recipe_that_would_never_be_used(complain, good: str) -> None:
    message = complain(good.replace("resnet20", "resnet20, weights: w.pt"))
    assert message.startswith("pipeline.yaml:1:1: workload: got both model.weights")
    assert "Set train to null" in message


def test_a_misspelt_target_is_found_before_anything_is_trained(complain, good: str) -> None:
    message = complain(good + "target: locla\n")
    assert message.startswith("pipeline.yaml:6:9: target: unknown target 'locla'; allowed: ")
    assert message.endswith("simulated, or the path of a YAML file; did you mean 'local'?")


def test_all_problems_are_told_at_once_in_the_order_of_the_file(complain, good: str) -> None:
    text = good.replace("0.5x", "2x").replace("epochs: 2", "epochs: 0").replace("digits", "")
    message = complain(f"{text}targt: local\nsearch: {{trials: 0, trials: 1}}\n", "finetune.lr=x")
    starts = [line.split(": ")[:2] for line in message.splitlines()]
    assert starts == [
        ["--set finetune.lr=x", "finetune.lr"],
        ["pipeline.yaml:3:15", "workload.data.name"],
        ["pipeline.yaml:4:19", "workload.train.epochs"],
        ["pipeline.yaml:5:19", "budget.latency"],
        ["pipeline.yaml:6:1", "targt"],
        ["pipeline.yaml:7:18", "search.trials"],
        ["pipeline.yaml:7:21", "search.trials"],
    ]


@pytest.mark.parametrize("value", ["0", "1", "90%", "-0.1"])
def test_impossible_sparsity(value: str, complain, good: str) -> None:
    message = complain(good.replace("latency: 0.5x", f"sparsity: {value}"))
    assert message.startswith("pipeline.yaml:5:20: budget.sparsity: must be a number")


def test_a_detector_may_have_one_class(write, good: str) -> None:
    one = good.replace("resnet20", "resnet20, num_classes: 1")
    path = write(one.replace("workload:", "workload:\n  task: detection"))
    assert load_pipeline(path).workload.model.num_classes == 1
