"""How fast it trains: ours in its variants against plain Paddle, taking turns on this machine.

    python benchmarks/throughput.py [WORK]          # make bench does this too; 5 minutes, 18 GB of memory

Simulates 200,000 impressions (and text lines of 30,000) in WORK, starts every contestant as a process of its own and
lets one run at a time, a stretch of batches each, ROUNDS times. Medians go to benchmarks/results/throughput.json, a
table and a plot beside it; the table is printed too.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import Any

from field import contestants, simulate, skipped
from measure import machine
from rich.progress import track

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results"
ROUNDS = 4
USER_FIELDS, ITEM_FIELDS = 13, 10


class Contestant:
    """A running contestant."""

    def __init__(self, name: str, spec: dict[str, Any], work: Path) -> None:
        self.name, self.spec = name, spec
        environment = {**os.environ, **({"OMP_NUM_THREADS": "1"} if name.endswith("one thread") else {})}
        with (work / "contestants.log").open("a") as log:
            self._process = subprocess.Popen(
                [sys.executable, str(HERE / "contestant.py"), json.dumps(spec)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, env=environment, cwd=work, text=True,
            )  # fmt: skip
        self._answer()
        self.stretches: list[dict[str, Any]] = []

    def run(self, count: int) -> None:
        """A stretch of `count` batches."""
        assert self._process.stdin
        self._process.stdin.write(f"{count}\n")
        self._process.stdin.flush()
        self.stretches.append(self._answer())

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.name} ended early; see contestants.log in the work folder")
        return dict(json.loads(line))

    def close(self) -> None:
        """End it."""
        self._process.communicate()

    def result(self, gflops: float) -> dict[str, Any]:
        """Medians over the stretches, and what follows from them."""
        row: dict[str, Any] = {}
        for key, first in self.stretches[0].items():
            values = [stretch[key] for stretch in self.stretches]
            if isinstance(first, dict):
                row[key] = {part: round(median(value[part] for value in values), 3) for part in first}
            else:
                row[key] = round(median(values), 3)
        row["range"] = [round(f(s["impressions_per_second"] for s in self.stretches)) for f in (min, max)]
        parts = row.get("parts_ms")
        if parts:
            bound = (
                1e3 * dense_flops(self.spec["net"], row["rows_per_impression"]) * self.spec["batch"] / (gflops * 1e9)
            )
            row["dense_bound_ms"] = round(bound, 3)
            row["dense_share_of_bound"] = round(bound / (parts["forward"] + parts["backward"]), 3)
            row["step_share_of_bound"] = round(
                bound * row["step_alone_impressions_per_second"] / self.spec["batch"] / 1e3, 3
            )
        return row


def dense_flops(net: dict[str, Any], rows_per_impression: float) -> float:
    """Multiplications and additions per impression in both towers' products, forward and backward."""
    first = net["dim"] * (ITEM_FIELDS + USER_FIELDS * rows_per_impression) * net["sizes"][0]
    widths = [*net["sizes"], 1]
    rest = sum(a * b for a, b in itertools.pairwise(widths))
    return 3 * 2 * 2 * (first + rest)


def batches(spec: dict[str, Any]) -> int:
    """How many make a stretch of a second or so."""
    impressions = 10_000 if spec["kind"] == "plain" else 25_000 if "lines" in str(spec["options"]) else 60_000
    return max(2, impressions // int(spec["batch"]))


def sgemm() -> float:
    """GFLOPS of [1024, 276] x [276, 512] in float32, the better of Paddle and NumPy, all cores."""
    done = subprocess.run([sys.executable, str(HERE / "sgemm.py")], capture_output=True, check=True, text=True)
    return float(done.stdout)


def table(rows: dict[str, dict[str, Any]]) -> str:
    """Markdown, a contestant per line; ratios are to (a) of the same batch size and network."""
    lines = [
        "| | impressions/s | to (a) | step alone | to (a) | reader wait | stored tokens/s | CPU us/impression "
        "| peak MB |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, row in rows.items():
        variant = next((v for v in ("batch 4096", "paper's network", "one thread") if name.endswith(v)), "")
        reference = next(r for n, r in rows.items() if n.startswith("(a)") and (n.endswith(variant) or not variant))
        total, step = row["impressions_per_second"], row["step_alone_impressions_per_second"]
        lines.append(
            f"| {name} | {total:,.0f} | {total / reference['impressions_per_second']:.1f} | {step:,.0f} "
            f"| {step / reference['step_alone_impressions_per_second']:.1f} "
            f"| {100 * row['reader_wait_ms'] / row['batch_ms']:.1f} % "
            f"| {total * row['stored_tokens_per_impression']:,.0f} | {row['cpu_us_per_impression']:.0f} "
            f"| {row['peak_mb']:,.0f} |"
        )
    lines += [
        "",
        "| ms per step | pull | forward | backward | optimizer | table update (beside) | dense share | step share |",
    ]
    lines.append("|---|---|---|---|---|---|---|---|")
    for name, row in rows.items():
        if row.get("parts_ms"):
            parts = row["parts_ms"]
            values = [parts[part] for part in ("pull", "forward", "backward", "optimizer", "table update")]
            shares = [row["dense_share_of_bound"], row["step_share_of_bound"]]
            cells = [f"{value:.2f}" for value in values] + [f"{100 * share:.0f} %" for share in shares]
            lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def plot(rows: dict[str, dict[str, Any]], target: Path) -> None:
    """Bars of impressions per second, end to end and the step alone."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    names = list(rows)[::-1]
    figure, axes = pyplot.subplots(figsize=(9, 0.38 * len(names) + 1), layout="constrained")
    for shift, key, label in (
        (0.2, "impressions_per_second", "end to end"),
        (-0.2, "step_alone_impressions_per_second", "step alone"),
    ):
        places = [index + shift for index in range(len(names))]
        axes.barh(places, [rows[name][key] / 1e3 for name in names], 0.38, label=label)
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel("thousand impressions per second")
    axes.legend()
    figure.savefig(target, dpi=110)


def main() -> None:
    """Measure, print and record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "work", type=Path, nargs="?", default=Path("bench"), help="folder for the data (default: bench)"
    )
    work = parser.parse_args().work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    simulate(work)
    here = machine()
    everybody = contestants(work)
    absent = skipped(list(everybody), int(here["cores"]), int(here["memory_gb"]))
    for name, why in absent.items():
        print(f"left out: {name}: {why}")
    specs = {name: spec for name, spec in everybody.items() if name not in absent}
    field = [Contestant(name, spec, work) for name, spec in track(specs.items(), "starting", transient=True)]
    rates = []
    for turn in range(ROUNDS):
        rates.append(sgemm())
        for contestant in track(field, f"round {turn + 1} of {ROUNDS}", transient=True):
            contestant.run(batches(contestant.spec))
    gflops = median(rates)
    rows = {contestant.name: contestant.result(gflops) for contestant in field}
    for contestant in field:
        contestant.close()
    text = table(rows)
    print(f"sgemm: {gflops:.0f} GFLOPS\n\n{text}")
    result = {"machine": here, "left_out": absent, "sgemm_gflops": round(gflops, 1), "contestants": rows}
    (RESULTS / "throughput.json").write_text(json.dumps(result, indent=1) + "\n")
    (RESULTS / "throughput.md").write_text(text)
    plot(rows, RESULTS / "throughput.png")


if __name__ == "__main__":
    main()
