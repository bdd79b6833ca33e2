"""Several processes against one.

    python benchmarks/distributed.py equality WORK [--ranks 2] [--table sharded]
    python benchmarks/distributed.py bytes WORK
    python benchmarks/distributed.py failures WORK [--times 10] [--kinds SIGKILL SIGSTOP "full disk"]
    sudo python benchmarks/distributed.py hosts WORK [--times 10]
    python benchmarks/distributed.py speed WORK

`equality` trains every model directory's config.yaml for an epoch in one process and by Paddle's launcher, with the
same impressions a step, and compares weights, optimizer state and losses. `bytes` holds what a step sends against the
model in docs/scaling.md. `failures` kills processes, stops them, and lets them write no more, at random moments.
`hosts` makes two network namespaces of this machine, trains across them, and cuts the link. `speed` needs a machine
that does nothing else.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import re
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from measure import machine

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))

from rec.checkpoint.files import load

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
ESMM = ROOT / "models" / "multitask" / "esmm" / "config.yaml"
STEP = 1024
"""Impressions a step, of all processes."""
TIMEOUT = 6
"""runner.rank_timeout where processes are stopped."""
LINE = re.compile(r"error: .*")
FULL, LARGEST = "full disk", 150_000
"""No file of a process may get larger than so many bytes: the system refuses the rest, as it does on a full disk."""
KINDS = ("SIGKILL", "SIGSTOP", FULL)


def command(tool: str, config: Path, settings: dict[str, Any], launcher: list[str] | None = None) -> list[str]:
    """A training, by Paddle's launcher if that is given."""
    given = [f"{name if '.' in name else f'runner.{name}'}={value}" for name, value in settings.items()]
    launched = ["-m", "paddle.distributed.launch", *launcher] if launcher else []
    return [sys.executable, *launched, f"tools/{tool}.py", "-m", str(config), "-o", *given]


def local(ranks: int, work: Path) -> list[str]:
    """The launcher's arguments for processes of this machine."""
    return ["--nproc_per_node", str(ranks), "--log_dir", str(work / "log")]


def run(arguments: list[str]) -> str:
    """What a command that must succeed says."""
    done = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, timeout=1800)
    if done.returncode:
        raise SystemExit(f"{' '.join(arguments)}\n{done.stdout[-3000:]}\n{done.stderr[-2000:]}")
    return done.stdout + done.stderr


def difference(one: Path, other: Path) -> dict[str, float]:
    """The largest relative difference of an array, |a - b| / |a|, of the weights and of the optimizers' states."""
    found = {"weights": 0.0, "optimizer": 0.0}
    states = [load(folder, "everything") for folder in (one, other)]
    for kind in found:
        a, b = (getattr(state, kind) for state in states)
        assert a.keys() == b.keys(), kind
        for name, value in a.items():
            size = float(np.linalg.norm(value.astype(np.float64).ravel()))
            apart = float(np.linalg.norm((value.astype(np.float64) - b[name]).ravel()))
            found[kind] = max(found[kind], apart / size if size else apart)
    return found


def equality(options: argparse.Namespace) -> dict[str, Any]:
    """One row for each model directory and graph mode."""
    rows = []
    for config in sorted(ROOT.glob("models/*/*/config.yaml")):
        for tool in options.tools:
            found = _compared(options.work, config, tool, options.ranks, options.table)
            rows.append({"directory": config.parent.name, "tool": tool, **found})
            print(json.dumps(rows[-1]), flush=True)
    return {"ranks": options.ranks, "table": options.table, "rows": rows}


def _compared(work: Path, config: Path, tool: str, ranks: int, table: str) -> dict[str, Any]:
    alone, together = work / "alone", work / "together"
    common = {"epochs": 1, "print_interval": 1, "overwrite": "true"}
    run(command(tool, config, common | {"train_batch_size": STEP, "model_save_path": alone}))
    share = {"train_batch_size": STEP // ranks, "model_save_path": together, "table": table}
    run(command(tool, config, common | share, local(ranks, work)))
    losses = [_losses(folder) for folder in (alone, together)]
    apart = max(abs(a - b) / abs(a) for a, b in zip(*losses, strict=True))
    return {**difference(alone / "0", together / "0"), "loss": apart, "steps": len(losses[0])}


def _losses(folder: Path) -> list[float]:
    lines = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
    return [line["values"]["loss"] for line in lines if line["kind"] == "step"]


def counted_bytes(options: argparse.Namespace) -> dict[str, Any]:
    """What a step sends, counted and by the model, on 2 and 4 ranks with either table."""
    rows = []
    for ranks in (2, 4):
        for table in ("replicated", "sharded"):
            settings = {"epochs": 1, "overwrite": "true", "train_batch_size": STEP // ranks, "table": table}
            settings["model_save_path"] = options.work / f"bytes-{table}-{ranks}"
            said = run(command("trainer", ESMM, settings, local(ranks, options.work)))
            sent, steps = map(int, re.findall(r"the first sent (\d+) bytes in (\d+) steps", said)[0])
            saved = load(settings["model_save_path"] / "0", "weights").weights
            dense = sum(value.size for name, value in saved.items() if not name.startswith("embedding"))
            distinct, part = _distinct(ranks)
            model = predicted(
                ranks, STEP // ranks, 2, 3, dense, saved["embedding.weight"].shape[1], distinct, part, table
            )
            rows.append({"ranks": ranks, "table": table, "counted": sent / steps, "predicted": model})
            print(json.dumps(rows[-1]), flush=True)
    return {"rows": rows}


def predicted(
    ranks: int, batch: int, labels: int, outputs: int, dense: int, dim: int, distinct: float, part: float, table: str
) -> float:
    """Bytes that a rank sends in a step, by docs/scaling.md.

    Args:
        batch: impressions of a rank; labels, outputs: numbers of each that are exchanged.
        dense: the network's parameters.
        distinct: ids of the rank that has most, mean over steps; part: the most of them that one rank owns.
    """
    others = ranks - 1
    each = 8 + 8 + 4 * labels * batch + len('{"impressions": 256}') + 4 * outputs * batch
    gradients = 2 * 4 * dense / ranks
    rows = 8 + distinct * (8 + 4 * dim) if table == "replicated" else 8 * ranks + part * (8 + 8 * dim)
    return others * (each + gradients + rows)


def _distinct(ranks: int) -> tuple[float, float]:
    """Of ESMM's demo data: the distinct ids of the rank that has most, and the most of a rank's that one rank owns."""
    sys.path.insert(0, str(ROOT / "tools"))
    from rec.config.config import load as load_config
    from rec.importing import import_paddle

    import_paddle()
    from rec.run.assembly import assemble, read_plan

    found = assemble(load_config(str(ESMM), [f"runner.train_batch_size={STEP // ranks}"]), "dygraph", "train")
    plans = [read_plan(found.directory).divided(rank, ranks) for rank in range(ranks)]
    rows = [[batch.rows for batch in found.reader.batches(plan)] for plan in plans]
    most = np.mean([max(len(ids) for ids in step) for step in zip(*rows, strict=True)])
    return float(most), float(np.mean([np.bincount(ids % ranks).max() for ids in rows[0]]))


def failures(options: argparse.Namespace) -> dict[str, Any]:
    """Kill, stop or starve either process at random moments; the longest wait, what was said, whether one may go on."""
    rows = []
    for what in options.kinds:
        for victim in (0, 1):
            trials = [_failed(options, what, victim, trial) for trial in range(options.times)]
            rows.append({"what": what, "rank": victim, "times": options.times, **_summary(trials)})
            print(json.dumps(rows[-1]), flush=True)
    return {"rank_timeout": TIMEOUT, "rows": rows}


def _summary(trials: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "longest wait, s": round(max(trial["seconds"] for trial in trials), 1),
        "exit codes": sorted({trial["code"] for trial in trials}),
        "lines": sorted({trial["line"] for trial in trials}),
        "resumed": sum(trial["resumed"] for trial in trials),
    }


def _failed(options: argparse.Namespace, what: str, victim: int, trial: int) -> dict[str, Any]:
    moments = random.Random(f"{what} {victim} {trial}")
    out, table = options.work / f"failed-{what}-{victim}-{trial}", moments.choice(["replicated", "sharded"])
    table = "sharded" if what == FULL else table  # of a replicated one the first process alone writes
    settings = {"epochs": 1000, "train_batch_size": 64, "model_save_path": out, "rank_timeout": TIMEOUT, "keep_last": 2}
    settings |= {"save_steps": 9, "table": table}
    running = start(command("trainer", ESMM, settings, local(2, out)))
    wait_for(running, lambda: any(out.glob("0-batch*")) or (out / "0").is_dir())
    time.sleep(2 * moments.random())
    process = rank_of(running.pid, victim)
    if what == FULL:
        resource.prlimit(process, resource.RLIMIT_FSIZE, (LARGEST, LARGEST))
    else:
        os.kill(process, signal.Signals[what])
    begun = time.time()
    said, _ = running.communicate(timeout=120)
    seconds = time.time() - begun
    if what == "SIGSTOP":
        _kill(process)
    said += "".join(path.read_text() for path in (out / "log").glob("workerlog.*"))
    code = subprocess.run(
        command("trainer", ESMM, {"model_save_path": out, "epochs": 1, "resume": "true", "train_batch_size": 128}),
        cwd=ROOT, capture_output=True, check=False,
    ).returncode  # fmt: skip
    line = LINE.findall(said)
    return {"seconds": seconds, "code": running.returncode, "line": line[0] if line else "", "resumed": code == 0}


def start(arguments: list[str], inside: list[str] | None = None) -> subprocess.Popen[str]:
    """A command whose output is kept."""
    whole = [*(inside or []), *arguments]
    return subprocess.Popen(whole, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def wait_for(running: subprocess.Popen[str], done: Callable[[], bool]) -> None:
    """Until something is there that a process makes."""
    while not done():
        if running.poll() is not None:
            raise SystemExit(running.communicate()[0][-3000:])
        time.sleep(0.05)


def rank_of(launcher: int, rank: int) -> int:
    """The process of a rank that a launcher started."""
    children = Path(f"/proc/{launcher}/task/{launcher}/children").read_text().split()
    wanted = f"PADDLE_TRAINER_ID={rank}".encode()
    return next(int(pid) for pid in children if wanted in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"))


def _kill(process: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)


NAMES = ("rec-host-0", "rec-host-1")


def hosts(options: argparse.Namespace) -> dict[str, Any]:
    """Two network namespaces: equality with one process, and the link cut at random moments."""
    for name in NAMES:
        subprocess.run(["ip", "netns", "add", name], check=True)
    try:
        _connect()
        return {"rank_timeout": TIMEOUT, "equality": _across(options), "cut": _cut(options)}
    finally:
        for name in NAMES:
            subprocess.run(["ip", "netns", "del", name], check=False)


def _connect() -> None:
    first, second = NAMES
    pair = ["type", "veth", "peer", "name", "eth0", "netns", second]
    subprocess.run(["ip", "link", "add", "eth0", "netns", first, *pair], check=True)
    for number, name in enumerate(NAMES, 1):
        for words in (["addr", "add", f"10.77.0.{number}/24", "dev", "eth0"], ["link", "set", "eth0", "up"],
                      ["link", "set", "lo", "up"]):  # fmt: skip
            subprocess.run(["ip", "-n", name, *words], check=True)


def _launched_across(work: Path, settings: dict[str, Any]) -> list[subprocess.Popen[str]]:
    found = []
    for number, name in enumerate(NAMES):
        launcher = ["--nnodes", "2", "--master", "10.77.0.1:29700", "--rank", str(number)]
        launcher += ["--nproc_per_node", "1", "--log_dir", str(work / f"log-{number}")]
        inside = ["ip", "netns", "exec", name, "env", f"POD_IP=10.77.0.{number + 1}"]
        found.append(start(command("trainer", ESMM, settings, launcher), inside))
    return found


def _across(options: argparse.Namespace) -> dict[str, float]:
    common = {"epochs": 2, "overwrite": "true"}
    run(command("trainer", ESMM, common | {"train_batch_size": STEP, "model_save_path": options.work / "alone"}))
    share = {"train_batch_size": STEP // 2, "model_save_path": options.work / "across", "table": "sharded"}
    for running in _launched_across(options.work, common | share):
        said, _ = running.communicate(timeout=300)
        if running.returncode:
            raise SystemExit(said[-3000:])
    return difference(options.work / "alone" / "1", options.work / "across" / "1")


def _cut(options: argparse.Namespace) -> dict[str, Any]:
    trials = []
    for trial in range(options.times):
        moments, out = random.Random(trial), options.work / f"cut-{trial}"
        settings = {"epochs": 1000, "train_batch_size": 64, "model_save_path": out, "rank_timeout": TIMEOUT}
        settings |= {"keep_last": 2, "table": moments.choice(["replicated", "sharded"])}
        both = _launched_across(options.work, settings)
        wait_for(both[0], (out / "0").is_dir)
        time.sleep(2 * moments.random())
        link = ["ip", "-n", NAMES[1], "link", "set", "eth0"]
        subprocess.run([*link, "down"], check=True)
        begun = time.time()
        logs = [running.communicate(timeout=180)[0] for running in both]
        seconds = time.time() - begun
        subprocess.run([*link, "up"], check=True)
        resume = {"model_save_path": out, "epochs": 1, "resume": "true", "train_batch_size": 128}
        code = subprocess.run(command("trainer", ESMM, resume), cwd=ROOT, capture_output=True, check=False).returncode
        line = LINE.findall("".join(logs))
        codes = [running.returncode for running in both]
        trials.append({"seconds": seconds, "code": str(codes), "line": line[-1] if line else "", "resumed": code == 0})
        print(json.dumps(trials[-1]), flush=True)
    return {"times": options.times, **_summary(trials)}


def speed(options: argparse.Namespace) -> dict[str, Any]:
    """Impressions a second of the last epochs, and where a step's time goes: one process on one and on two threads, two
    on one thread each."""
    data = os.environ.get("DATA")
    if not data:
        raise SystemExit("set DATA to a folder that datasets/ali-ccp/prepare.py wrote")
    count = json.loads((Path(data) / "schema.json").read_text())["splits"]["train"]["exposures"]
    rows, config = [], ESMM.with_name("config_bigdata.yaml")
    for threads, ranks, table in ((1, 1, ""), (2, 1, ""), (1, 2, "replicated"), (1, 2, "sharded")):
        settings = {"epochs": 4, "train_batch_size": 4096, "train_data_dir": f"{data}/train", "overwrite": "true"}
        settings |= {"model_save_path": options.work / "speed"} | ({"table": table} if table else {})
        settings |= {"valid_data_dir": "null", "best_metric": "null", "save_steps": 0}
        os.environ["OMP_NUM_THREADS"] = str(threads)
        clock = command("trainer", config, settings, local(ranks, options.work) if ranks > 1 else None)
        said = run(["benchmarks/step_times.py" if word == "tools/trainer.py" else word for word in clock])
        rates = [count / float(seconds) for seconds in re.findall(r"epoch: [23] done.*epoch time: ([\d.]+) s", said)]
        parts = json.loads(re.findall(r"step times: (.*)", said)[0])
        rate = round(sum(rates) / len(rates))
        rows.append({"processes": ranks, "threads of each": threads, "table": table, "impressions/s": rate})
        rows[-1] |= {"of two epochs": [round(each) for each in rates], "ms of a step, of its thread's CPU": parts}
        print(json.dumps(rows[-1]), flush=True)
    return {"rows": rows}


WORK: dict[str, Callable[[argparse.Namespace], dict[str, Any]]] = {
    "equality": equality, "bytes": counted_bytes, "failures": failures, "hosts": hosts, "speed": speed,
}  # fmt: skip


def main() -> None:
    """Do it, and record it in results/."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=list(WORK))
    parser.add_argument("work", type=Path)
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--table", default="replicated")
    parser.add_argument("--tools", nargs="+", default=["trainer", "static_trainer"])
    parser.add_argument("--times", type=int, default=10)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS), help="of failures")
    options = parser.parse_args()
    options.work = options.work.resolve()
    options.work.mkdir(parents=True, exist_ok=True)
    found = WORK[options.what](options)
    name = f"equality_{options.table}_{options.ranks}" if options.what == "equality" else options.what
    file = RESULTS / f"distributed_{name}.json"
    if options.what == "failures" and file.exists():  # kinds that were not asked for stay as they were
        before = [row for row in json.loads(file.read_text())["rows"] if row["what"] not in options.kinds]
        found["rows"] = before + found["rows"]
    content = {"command": " ".join(sys.argv), "machine": machine(), **found}
    file.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
