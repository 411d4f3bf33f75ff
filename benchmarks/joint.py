"""What training and pruning together is worth, mechanism by mechanism (RLAL).

    python benchmarks/joint.py [--digits] [--quick] [--json] [--seeds N] [--keep DIR] [--only PART]

Protocol. ResNet-20 on 20,000 CIFAR-10 images (1,000 more for the reward), simulated target, 0.5x:
``joint.yaml`` beside this file, 5 epochs of joint training (1 of warm-up, 2 random rounds, 3 with
the agent, 1 of settling; 10 episodes a round), then 10 of the cut network, on one learning rate
curve. Train-then-prune is amc with 40 trials: once with 8 + 4 epochs, which is as much compute,
once with 13 + 7, of which it is 60 %. Compute counts multiply-accumulates of training and of the
agent's rewards, in epochs of the whole network; the rivals' searches are not counted. A filled
uniform network trained from scratch has as much compute as joint training, or 20 epochs. Equal
optimiser, batches, weight decay and fine-tuning of the rivals; each seed draws weights, order and
the images of the reward anew. The test images are used once, for the files that are compared.
``--digits`` is the same where training is close to its end: 7 + 14 epochs on the embedded digits,
and 20 + 7 for the longer rival.

- Decoder: for each of the later rounds with the agent, three representations are trained on the
  rounds before it (with z, with zeros for z, with the rounds' numbers shuffled) and predict the
  rewards of the round itself: mean squared error, over three initialisations.
- Agent: mean reward of an agent's episodes in those rounds, with z less without, and with z less
  random structures. All three see the same weights, those of the joint training.
- Alignment: accuracy of the whole network less that of the structure cut out of it (reward images,
  batch norms re-estimated, no fine-tuning). Without: the structure of the joint training or that of
  amc, whichever loses less, cut out of the network that trained as long without alignment; and the
  structure of the joint training in any case.
- Result: test accuracy less that of uniform-L1, filled, of the network trained without alignment,
  less that of the same trained from scratch, and less that of amc.
"""

import argparse
import json
import statistics
import tempfile
from pathlib import Path

from joint_parts import CIFAR, DIGITS, Parts


def measure(parts: Parts) -> dict[str, float]:
    """The figures of one seed."""
    joint, amc, long = parts.of("joint"), parts.of("amc"), parts.of("long")
    decoder, agents, drop = parts.of("decoder"), parts.of("agents"), parts.of("drop")
    own = joint["accuracy"]
    return {
        "decoder_gain_over_zero": decoder["zero"] / decoder["z"],
        "decoder_gain_over_shuffled": decoder["shuffled"] / decoder["z"],
        "z_gain": agents["z"] - agents["blind"],
        "agent_gain_over_random": agents["z"] - agents["random"],
        "hard_prune_drop_with_alignment": drop["with"],
        "hard_prune_drop_without": drop["without"],
        "hard_prune_drop_without_same_structure": drop["without_of_joint"],
        "accuracy": own,
        "latency_ratio": joint["ratio"],
        "dense_accuracy_without_alignment": amc["dense"],
        "gain_over_uniform": own - amc["uniform"],
        "gain_over_uniform_from_scratch": own - amc["scratch"],
        "gain_over_train_then_prune": own - amc["accuracy"],
        "compute_of_the_longer_one": joint["compute"] / long["compute"],
        "rlal_gain_at_60_percent_compute": own - long["accuracy"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="digits, one seed")
    parser.add_argument("--digits", action="store_true", help="the same on digits: 12 + 4 epochs")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--keep", type=Path, help="folder for the runs; a second call goes on")
    parser.add_argument("--only", metavar="SEED:PART", nargs="+", help="do these, with --keep")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = options.keep or Path(name)
        protocol = DIGITS if options.digits or options.quick else CIFAR
        seeds = range(1 if options.quick else options.seeds)
        if options.only:
            for seed, part in (one.split(":") for one in options.only):
                Parts(folder, int(seed), protocol).of(part)
            return
        runs = [measure(Parts(folder, seed, protocol)) for seed in seeds]
    figures = {
        key: [round(pick([run[key] for run in runs]), 3) for pick in (min, statistics.median, max)]
        for key in runs[0]
    }
    if options.json:
        print(json.dumps({"benchmark": "joint", "seeds": len(runs), "figures": figures}, indent=2))
    else:
        for key, value in figures.items():
            print(f"{key:42} {value}")


if __name__ == "__main__":
    main()
