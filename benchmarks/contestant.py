"""A process that trains or evaluates one model, a stretch at a time, when benchmarks/throughput.py says so.

    python benchmarks/contestant.py '{"kind": "ours", ...}'

Each line on standard input is a number of batches; the answer is a line of JSON. Between stretches it sleeps, so that
contestants take turns on one machine.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))

from rec import cli

if "plain_dropin" not in "".join(sys.argv[1:2]):  # that one is to have what PaddleRec gives it
    cli.import_paddle()

import paddle

from rec.config.config import load
from rec.data.batch import batch_length
from rec.data.reader import ALI_CCP_FIELDS
from rec.run.assembly import assemble

CONFIG = Path(__file__).resolve().parents[1] / "models" / "multitask" / "esmm" / "config_bigdata.yaml"
WARM_UP = 6
"""Batches before a stretch is timed: what was read ahead while the others had the machine."""


class Ours:
    """This project's trainer or evaluator, without its log."""

    def __init__(self, spec: dict[str, Any]) -> None:
        options = [f"{name}={value}" for name, value in spec["options"].items()]
        self.run = assemble(load(spec.get("config", CONFIG), options), spec["mode"], spec["task"])
        self.engine, self.training = self.run.engine, spec["task"] == "train"
        self.parts: dict[str, float] = defaultdict(float)
        if spec["mode"] == "dygraph" and self.training and self.engine.table is not None:
            self._time_parts()

    def batches(self) -> Iterator[Any]:
        """Epoch after epoch."""
        epoch = 0
        while True:
            yield from self.run.batches(self.run.reader, self.run.plan(epoch, 0, self.training))
            epoch += 1
            for metric in self.engine.metrics:
                metric.reset()

    def step(self, batch: Any) -> None:
        """Train on a batch, or score it."""
        (self.engine.train_step if self.training else self.engine.eval_step)(batch)

    def _time_parts(self) -> None:
        """Add up where a step's time goes. The table's update runs beside what follows: `wait` is what it delays."""
        engine: Any = self.engine
        self._clock(engine.feed, "open", "pull")
        self._clock(engine.model, "train_forward", "forward")
        self._clock(engine.optimizer, "step", "optimizer")
        self._clock(engine.table, "_settle", "wait")
        self._clock(engine.table, "_push", "table update")
        self._clock(paddle.Tensor, "backward", "backward")

    def _clock(self, owner: Any, name: str, part: str) -> None:
        original = getattr(owner, name)

        def timed(*args: Any, **more: Any) -> Any:
            begun = time.perf_counter()
            try:
                return original(*args, **more)
            finally:
                self.parts[part] += time.perf_counter() - begun

        setattr(owner, name, timed)


def plain(spec: dict[str, Any]) -> Any:
    """The reference."""
    from plain_paddle import Training

    files = sorted(Path(spec["data"]).iterdir())
    return Training(files, list(ALI_CCP_FIELDS), spec["num_id"], spec["dim"], spec["sizes"], spec["batch"])


def plain_dropin(spec: dict[str, Any]) -> Any:
    """A PaddleRec directory under PaddleRec's loop."""
    from plain_dropin import Config, Plain

    config = load(spec["config"], [f"{name}={value}" for name, value in spec["options"].items()])
    files = sorted(str(file) for file in Path(spec["options"]["runner.train_data_dir"]).iterdir())
    return Plain(Path(spec["config"]).parent, Config(config), spec["mode"], files)


KINDS = {"ours": Ours, "plain": plain, "plain_dropin": plain_dropin}


def stretch(runner: Any, source: Iterator[Any], count: int) -> dict[str, Any]:
    """Time `count` batches read and computed, and then the computing alone."""
    length = getattr(runner, "length", batch_length)
    held = [next(source) for _ in range(WARM_UP)]
    for batch in held:
        runner.step(batch)
    getattr(runner, "parts", {}).clear()
    begun, cpu, reading, impressions, tokens, rows = time.perf_counter(), time.process_time(), 0.0, 0, 0, 0
    kept = []
    for _ in range(count):
        before = time.perf_counter()
        batch = next(source)
        reading += time.perf_counter() - before
        runner.step(batch)
        impressions += length(batch)
        tokens += getattr(batch, "num_token", 0)
        rows += batch.bags[0].num_row if hasattr(batch, "bags") else 0
        kept = [*kept[-9:], batch]
    seconds, cpu_seconds = time.perf_counter() - begun, time.process_time() - cpu
    parts = {name: value / count for name, value in getattr(runner, "parts", {}).items()}
    time.sleep(0.05)  # the reading thread fills its queue and rests
    begun, alone = time.perf_counter(), 0
    for batch in kept:
        runner.step(batch)
        alone += length(batch)
    step_seconds = time.perf_counter() - begun
    return {
        "impressions_per_second": impressions / seconds,
        "stored_tokens_per_impression": tokens / impressions,
        "rows_per_impression": rows / impressions,
        "step_alone_impressions_per_second": alone / step_seconds,
        "reader_wait_ms": 1e3 * reading / count,
        "batch_ms": 1e3 * seconds / count,
        "cpu_us_per_impression": 1e6 * cpu_seconds / impressions,
        "parts_ms": {name: 1e3 * value for name, value in parts.items()},
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def main() -> None:
    """Build, say so, and run stretches until the input ends."""
    spec = json.loads(sys.argv[1])
    answers = os.fdopen(os.dup(1), "w")
    with contextlib.redirect_stdout(sys.stderr):
        runner = KINDS[spec["kind"]](spec)
        source = runner.batches()
        for line in chain(["0"], iter(sys.stdin.readline, "")):
            answer = stretch(runner, source, int(line)) if int(line) else {"ready": True}
            print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
