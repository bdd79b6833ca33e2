"""Who takes part in benchmarks/throughput.py, and the data they read."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
SCRIPTS = HERE.parents[0] / "datasets" / "ali-ccp"
EXPOSURES, LINES, ROWS = 200_000, 30_000, 1_500_000
"""Of prepared data, of text, and of a table, which has too many to be in memory."""
KNOBS = ["--click-rate", "0.1", "--conversion-rate", "0.1", "--seed", "1"]
SMALL = {"dim": 12, "sizes": [256, 64]}
"""PaddleRec's configuration; the paper's is PAPER."""
PAPER = {"dim": 18, "sizes": [360, 200, 80]}
SHARED = "data.common={by: request_id, fields: [user_id, city, history]}"


def ours(work: Path, mode: str = "dygraph", task: str = "train", **changes: Any) -> dict[str, Any]:
    """What a contestant of ours is started with."""
    net = changes.get("net", SMALL)
    folder = work / "lines" if changes.get("text") else work / "prepared"
    batch = changes.get("batch", 1024)
    options = {
        "runner.train_data_dir": folder / "train",
        "runner.valid_data_dir": "null",
        "runner.best_metric": "null",
        "runner.test_data_dir": folder / "test",
        "runner.train_batch_size": batch,
        "runner.infer_batch_size": batch,
        "hyper_parameters.sparse_feature_number": changes.get("num_id", 740_000),
        "hyper_parameters.sparse_feature_dim": net["dim"],
        "hyper_parameters.ctr_fc_sizes": net["sizes"],
        "hyper_parameters.cvr_fc_sizes": net["sizes"],
        "hyper_parameters.max_len": changes.get("max_len", 0),
    }
    texts = {name: str(value) for name, value in options.items()}
    return {"kind": "ours", "mode": mode, "task": task, "batch": batch, "net": net, "options": texts}


def tabular(work: Path, name: str, *options: str) -> dict[str, Any]:
    """A contestant of ours that reads a table of a shop's log, or what prepare.py made of it."""
    spec = ours(work)
    places = {"train_data_dir": work / name, "test_data_dir": work / name}
    texts = {f"runner.{key}": str(place) for key, place in places.items()}
    kept = {key: value for key, value in spec["options"].items() if not key.endswith("sparse_feature_number")}
    more = dict(option.split("=", 1) for option in options)
    return {**spec, "config": str(HERE / "table.yaml"), "options": {**kept, **texts, **more}}


def plain(work: Path, batch: int = 1024, net: dict[str, Any] = SMALL) -> dict[str, Any]:
    """What the reference is started with."""
    return {
        "kind": "plain",
        "data": str(work / "lines" / "train"),
        "num_id": 740_000,
        "batch": batch,
        "net": net,
        **net,
    }


def contestants(work: Path) -> dict[str, dict[str, Any]]:
    """By name; those called "one thread" run with one."""
    return {
        "(a) plain Paddle, 3 values, from text": plain(work),
        "(b) ours, 3 values": ours(work, max_len=3),
        "(c) ours, all tokens": ours(work),
        "(c) ours, at most 64 tokens per field": ours(work, max_len=64),
        "(d) static, all tokens": ours(work, mode="static"),
        "(e) evaluation, all tokens": ours(work, task="infer"),
        "(f) ours, all tokens, from text": ours(work, text=True),
        "(g) a table, from Parquet": tabular(work, "shop/train.parquet"),
        "(h) the table, prepared": tabular(work, "shop_prepared"),
        "(h) and what a request shares, once": tabular(work, "shop_shared", SHARED),
        "(a) batch 4096": plain(work, 4096),
        "(b) batch 4096": ours(work, batch=4096, max_len=3),
        "(c) batch 4096": ours(work, batch=4096),
        "(d) batch 4096": ours(work, mode="static", batch=4096),
        "(e) batch 4096": ours(work, task="infer", batch=4096),
        "(b) vocabulary 10 M": ours(work, max_len=3, num_id=10_000_000),
        "(c) vocabulary 10 M": ours(work, num_id=10_000_000),
        "(a) paper's network": plain(work, net=PAPER),
        "(c) paper's network": ours(work, net=PAPER),
        "(d) paper's network": ours(work, mode="static", net=PAPER),
        "(a) one thread": plain(work),
        "(b) one thread": ours(work, max_len=3),
        "(c) one thread": ours(work),
    }


def simulate(work: Path) -> None:
    """Prepared data, text lines and tables, unless they are there from an earlier run."""
    if all((work / name).exists() for name in ("prepared/schema.json", "lines/train", "shop_shared/prepared.json")):
        return
    for name in ("raw", "prepared", "lines", "shop", "shop_prepared", "shop_shared"):
        shutil.rmtree(work / name, ignore_errors=True)
    simulator = [sys.executable, str(SCRIPTS / "simulate.py")]
    tools = HERE.parent / "tools"
    table = work / "shop" / "train.parquet"
    tabled = [sys.executable, str(tools / "prepare.py"), "-m", str(HERE / "table.yaml")]
    tabled += ["-o", f"runner.train_data_dir={table}", "runner.valid_data_dir=null", "runner.test_data_dir=~drop"]
    prepare = [sys.executable, str(SCRIPTS / "prepare.py"), "raw", "prepared"]
    for command in (
        [*simulator, "raw", "--exposures", str(EXPOSURES), *KNOBS],
        prepare,
        [*simulator, "lines", "--lines", "--exposures", str(LINES), *KNOBS],
        [sys.executable, str(SCRIPTS / "simulate_table.py"), "shop", "--impressions", str(ROWS), *KNOBS],
        [*tabled, "--", "shop_prepared"],
        [*tabled, SHARED, "--", "shop_shared"],
    ):
        subprocess.run(command, cwd=work, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def skipped(names: Sequence[str], cores: int, memory_gb: int) -> dict[str, str]:
    """Those that a machine cannot show anything with, and why."""
    found = {}
    for name in names:
        if name.endswith("one thread") and cores < 2:
            found[name] = "the machine has one core"
        elif "10 M" in name and memory_gb < 20:
            found[name] = f"all together take 18 GB of memory, the machine has {memory_gb}"
    return found
