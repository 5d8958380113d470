#!/usr/bin/python3
"""Play the scenes in truth.json, and compare what `heapdelta leaks` calls their blocks.

    verdicts.py [--seeds N] [--first SEED] [--half 0|1] [SCENE…]

A point of TAP per scene: right with each seed, judged by its exit snapshot, and (with the first
seed) by a series of snapshots. Then the confusion table: how often what is … was called ….

truth.json has for each scene, by the function that allocates, what its blocks are: a verdict, or
several of which each is right, "gone" for none left at the end, or "lost_once". All blocks of other
functions must not be called a leak.
"""

import argparse
import collections
import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys
import tempfile

here = pathlib.Path(__file__).resolve().parent
build = pathlib.Path(os.environ["BUILD_ROOT"])
heapdelta = os.environ["HEAPDELTA"]

SNAPSHOTS = 16
VERDICTS = ["lost", "lost_once", "held_growing", "not_returned", "held_steady", "grew_once",
            "churn", "gone"]


def play(program, scene, seed, snapshots):
    """The rows of `leaks` on SCENE."""
    with tempfile.TemporaryDirectory() as directory:
        out = pathlib.Path(directory) / "out"
        command = [build / f"tests/verdicts/verdict_{program}", scene, str(seed)]
        if snapshots:
            command.append(str(snapshots))
        subprocess.run([heapdelta, "run", "--quiet", "-o", out, "--", *command],
                       check=True, stdin=subprocess.DEVNULL, timeout=120)
        what = out if snapshots else next(out.glob("*.exit.hds"))
        done = subprocess.run([heapdelta, "leaks", "--all", "--limit", "0", "--format", "json",
                               what], check=True, stdout=subprocess.PIPE, timeout=120)
        return json.loads(done.stdout)["rows"]


def plain(name):
    """A function's NAME without namespaces and arguments."""
    return (name or "").replace("(anonymous namespace)::", "").partition("(")[0]


def site_of(row, sites):
    """The function among SITES that allocated ROW's blocks; else the newest."""
    functions = [plain(frame["function"]) for frame in row["traceback"]]
    return next((name for name in functions if name in sites), functions[0] if functions else "")


def is_leak(row):
    return row["verdict"] in ("lost", "held_growing") and not row["once"]


def judge(rows, sites):
    """What the blocks of each of SITES are called, and what is called a leak besides."""
    said, accused = {}, []
    for name in sites:
        of_site = [row for row in rows if site_of(row, sites) == name]
        of_site.sort(key=lambda row: (is_leak(row), row["size"]))
        verdict = of_site[-1]["verdict"] if of_site else "gone"
        said[name] = "lost_once" if of_site and of_site[-1]["once"] else verdict
    for row in rows:
        if is_leak(row) and site_of(row, sites) not in sites:
            accused.append(f'{site_of(row, sites)}: {row["verdict"]}, {row["text"]}')
    return said, accused


def check(program, scene, sites, seed, snapshots):
    """Pairs of what is and what was said, and what is wrong, in words."""
    try:
        rows = play(program, scene, seed, snapshots)
    except (subprocess.SubprocessError, StopIteration, KeyError) as error:
        return [], [f"seed {seed}: {error!r}"]
    said, accused = judge(rows, sites)
    pairs, wrong = [], []
    for name, truth in sites.items():
        # Of several that are right the one that was said, or the first.
        allowed = truth.split("|")
        pairs.append((said[name] if said[name] in allowed else allowed[0], said[name]))
        if said[name] not in allowed:
            texts = [row["text"] for row in rows if site_of(row, sites) == name]
            wrong.append(f"{name} is {truth}, was called {said[name]}: {'; '.join(texts)}")
    for text in accused:
        pairs.append(("no leak", "held_growing" if "grow" in text else "lost"))
        wrong.append(f"called a leak: {text}")
    how = f"{snapshots} snapshots" if snapshots else "exit"
    return pairs, [f"seed {seed}, by {how}: {text}" for text in wrong]


def print_table(confusion):
    """The CONFUSION of truth (rows) and verdict."""
    truths = [name for name in [*VERDICTS, "no leak"] if any(t == name for t, _ in confusion)]
    print(f"# {'is … / called …':16}" + "".join(f"{name:>13}" for name in VERDICTS))
    for truth in truths:
        cells = "".join(f"{confusion[truth, name] or '.':>13}" for name in VERDICTS)
        print(f"# {truth:16}{cells}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--half", type=int, choices=(0, 1))
    parser.add_argument("scenes", nargs="*")
    options = parser.parse_args()
    truth = json.loads((here / "truth.json").read_text())
    scenes = [(program, scene, sites) for program, of_program in truth.items()
              for scene, sites in of_program.items()]
    if options.half is not None:
        scenes = scenes[options.half::2]
    scenes = [one for one in scenes if not options.scenes or one[1] in options.scenes]
    if not (build / "tests/verdicts/verdict_containers").exists():  # no C++ compiler
        scenes = [one for one in scenes if one[0] != "containers"]
    seeds = range(options.first, options.first + options.seeds)
    confusion = collections.Counter()
    print(f"1..{len(scenes)}")
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        checks = [(program, scene,
                   [pool.submit(check, program, scene, sites, seed, 0) for seed in seeds] +
                   [pool.submit(check, program, scene, sites, seeds[0], SNAPSHOTS)])
                  for program, scene, sites in scenes]
        failed = 0
        for number, (program, scene, futures) in enumerate(checks, 1):
            wrong = []
            for future in futures:
                pairs, texts = future.result()
                confusion.update(pairs)
                wrong += texts
            failed += bool(wrong)
            print(f"{'not ' if wrong else ''}ok {number} {program}: {scene}", flush=True)
            for text in wrong:
                print(f"# {text}")
    print_table(confusion)
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
