"""The long form of the fuzz and fault tests: new seeds until the time is over.

    make torture                                            ten minutes
    make torture MINUTES=60
    python tests/robustness/torture.py --only text_lines --seed 123      one case again

Fuzz targets run in a process per round of seeds, so that a crash of the interpreter is a finding with a seed too;
between the rounds whole trainings meet faults (`faults.py`). It prints what it tries, ends with the counts, and exits
with 1 if anything was found.
"""

from __future__ import annotations

import argparse
import collections
import json
import logging
import subprocess
import sys
import time
import warnings
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), *(str(HERE.parents[1] / name) for name in ("tools", "tests", "datasets/ali-ccp"))]

ROUND = 100
"""Cases in one process."""


def main() -> int:
    """Torture for the time given, or run one case."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--only", help="one target or fault")
    parser.add_argument("--seed", type=int, default=None, help="run this one case")
    parser.add_argument("--count", type=int, default=1, help="that many seeds from --seed on (what a round does)")
    args = parser.parse_args()
    if args.seed is not None:
        return _round(args.only, args.seed, args.count)
    return _torture(args.minutes, args.only)


def _round(name: str, seed: int, count: int) -> int:
    """Run cases in this process; a line of JSON before and after each."""
    import resource

    import case
    from faults import FAULTS

    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    resource.setrlimit(resource.RLIMIT_AS, (16 << 30, 16 << 30))  # a case that asks for more fails alone
    found = 0
    for number in range(seed, seed + count):
        print(json.dumps({"begin": number}), flush=True)
        run = case.run_fault if name in FAULTS else case.run
        kind, text = run(name, number)
        found += kind == "FOUND"
        print(json.dumps({"end": number, "kind": kind, "text": text}), flush=True)
    return int(found > 0)


def _torture(minutes: float, only: str | None) -> int:
    from faults import FAULTS
    from targets import TARGETS

    counts: collections.Counter[tuple[str, str]] = collections.Counter()
    findings: list[str] = []
    start = int(time.time())  # new seeds each time
    end = time.monotonic() + 60 * minutes
    names = [only] if only else _interleaved(list(TARGETS), list(FAULTS))
    turn = 0
    while time.monotonic() < end:
        name = names[turn % len(names)]
        count = 1 if name in FAULTS else ROUND
        seed = start + turn * ROUND
        _one_round(name, seed, count, counts, findings)
        shown = ", ".join(f"{number} {kind}" for (n, kind), number in sorted(counts.items()) if n == name)
        print(f"{max(0, end - time.monotonic()):5.0f} s left  {name} from seed {seed}: so far {shown}", flush=True)
        turn += 1
    _report(counts, findings)
    return int(bool(findings))


def _interleaved(targets: list[str], faults: list[str]) -> list[str]:
    """Rounds of targets and single faults in turn, until each target has met each fault once."""
    count = len(targets) * len(faults)
    return [name for i in range(count) for name in (targets[i % len(targets)], faults[i % len(faults)])]


def _one_round(name: str, seed: int, count: int, counts: collections.Counter, findings: list[str]) -> None:
    command = [sys.executable, str(Path(__file__)), "--only", name, "--seed", str(seed), "--count", str(count)]
    again = f"python tests/robustness/torture.py --only {name} --seed"
    running = seed
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=900, check=False)
        output, code, errors = done.stdout, done.returncode, done.stderr
    except subprocess.TimeoutExpired as expired:
        output, code, errors = (expired.stdout or b"").decode("utf-8", "replace"), -9, "no end after 900 seconds"
    for line in output.splitlines():
        try:
            event = json.loads(line)
        except ValueError:
            continue  # what a library printed
        running = event.get("begin", running)
        if "end" in event:
            counts[name, event["kind"]] += 1
            if event["kind"] == "FOUND":
                findings.append(f"{again} {event['end']}\n{event['text']}")
                print(f"FOUND: {findings[-1]}", flush=True)
    if code not in (0, 1):
        counts[name, "FOUND"] += 1
        findings.append(f"{again} {running}\nthe process ended with {code}: {errors[-2000:]}")
        print(f"FOUND: {findings[-1]}", flush=True)


def _report(counts: collections.Counter, findings: list[str]) -> None:
    kinds = ("done", "refused", "FOUND")
    print(f"\n{'tried':24}{'cases':>9}" + "".join(f"{kind:>9}" for kind in kinds))
    for name in dict.fromkeys(name for name, _ in counts):
        row = [counts[name, kind] for kind in kinds]
        print(f"{name:24}{sum(row):9}" + "".join(f"{number:9}" for number in row))
    print(f"{'together':24}{sum(counts.values()):9}; found: {len(findings)}")
    for finding in findings:
        print("\n" + finding)


if __name__ == "__main__":
    sys.exit(main())
