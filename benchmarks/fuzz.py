"""Broken files and answers from strangers: none may do more than raise one of edgeprune's errors.

    python benchmarks/fuzz.py [--surface onnx] [--cases 100000] [--seed 0] [--keep FILE] --json

A case is a valid input with wrong bytes, fields or values, or one that Hypothesis draws. It fails
where anything else than one of edgeprune's own errors comes out, where it takes more than 10 s or
1 GiB, or writes outside its folder, starts a program or opens a connection. Cases run in forked
processes of a few hundred, so that native code that crashes takes no more than its own case along.
What edgeprune itself runs in a process with limits (a model in its runtime) may crash or hang
there: ``fuzz_contained_<surface>`` counts such cases. ``--keep`` appends each distinct finding as a
line of JSON, its input in base 64.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.fuzz.batches import Tally, fuzz
from tests.fuzz.surfaces import SURFACES


def run(name: str, cases: int, seed: int, seconds: float) -> Tally:
    """Fuzz one surface in steps until the cases are done or the time is over."""
    tally, end, step = Tally(), time.monotonic() + seconds, 0
    with tempfile.TemporaryDirectory() as folder:
        surface = SURFACES[name](Path(folder))
        while tally.cases < cases and time.monotonic() < end:
            # Each step has its own seed: a run that was cut short is a part of a whole one.
            fuzz(surface, min(400, cases - tally.cases), seed * 1_000_003 + step, tally)
            step += 1
    return tally


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--surface", action="append", default=[], choices=list(SURFACES))
    parser.add_argument("--cases", type=int, default=100_000, help="of each surface")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="most, of each surface")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="findings are appended to this file")
    parser.add_argument("--quick", action="store_true", help="400 cases of each surface")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    figures: dict[str, float] = {}
    for name in options.surface or SURFACES:
        cases = 400 if options.quick else options.cases
        start = time.monotonic()
        tally = run(name, cases, options.seed, options.seconds)
        distinct = tally.distinct()
        figures[f"fuzz_cases_{name}"] = tally.cases
        figures[f"fuzz_failures_{name}"] = len(tally.findings)
        figures[f"fuzz_distinct_{name}"] = len(distinct)
        figures[f"fuzz_accepted_{name}"] = tally.accepted
        figures[f"fuzz_contained_{name}"] = tally.contained
        for what, one in distinct.items():
            print(f"{name}: {what}: {one.text}", file=sys.stderr)
            if options.keep is not None:
                with options.keep.open("a") as file:
                    file.write(json.dumps({"surface": name, **one.to_json()}) + "\n")
        seconds = time.monotonic() - start
        print(f"{name}: {tally.cases} cases in {seconds:.0f} s", file=sys.stderr)
    if options.json:
        print(json.dumps({"benchmark": "fuzz", "figures": figures}, indent=2))
        return
    for name, value in figures.items():
        print(f"{name:<28} {value}")


if __name__ == "__main__":
    main()
