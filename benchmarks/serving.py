"""How many requests a service answers, and how fast, beside ONNX Runtime alone on the same tensors.

    python benchmarks/serving.py EXPORT [--seconds 10] [--candidates 100 500] [--minutes 0]

Starts tools/serve.py with one worker on EXPORT, and asks for the ranking of candidates of one user, of values that the
model knows: by one client for the times, and by as many as keep the worker busy for the rate. On two cores the clients
have the other one. `--minutes 10` goes on asking, replaces the export by a copy once a minute, and measures the
worker's memory. Writes results/serving.json.
"""

from __future__ import annotations

import argparse
import http.client
import json
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
from measure import machine

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))

from rec.data.arrays import inputs
from rec.serving.example import example
from rec.serving.served import Served

ROOT = Path(__file__).resolve().parents[1]
CLIENTS = 4


class Service:
    """The service on an export, one worker, on a free port.

    Attributes:
        port: it.
        worker: the number of the worker's process.
    """

    def __init__(self, export: Path) -> None:
        tool = ROOT / "tools" / "serve.py"
        command = [sys.executable, "-u", str(tool), str(export), "--port", "0", "--timeout", "30"]
        self._process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        self.port = int(self._said(r"http://127.0.0.1:(\d+)$"))
        self.worker = int(self._said(r"worker (\d+) answers$"))
        # Nobody may write into a pipe that nobody reads.
        threading.Thread(target=lambda: [None for _ in self._process.stderr or ()], daemon=True).start()

    def _said(self, pattern: str) -> str:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            if found := re.search(pattern, line.rstrip()):
                return found[1]
        raise RuntimeError(f"tools/serve.py ended with {self._process.wait()}")

    def cpu_seconds(self) -> float:
        """Processor time of the worker so far."""
        fields = Path(f"/proc/{self.worker}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / 100

    def megabytes(self) -> float:
        """Memory of the worker."""
        text = Path(f"/proc/{self.worker}/status").read_text()
        return int(re.findall(r"VmRSS:\s+(\d+)", text)[0]) / 1024

    def close(self) -> None:
        """End it."""
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(60)


def requests(port: int, body: str, until: float, times: list[float]) -> None:
    """Ask on one connection, and note the seconds of each answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    while time.perf_counter() < until:
        begun = time.perf_counter()
        connection.request("POST", "/rank", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        content = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{answer.status}: {content[:200]!r}")
        times.append(time.perf_counter() - begun)


def ask(service: Service, body: str, clients: int, seconds: float) -> tuple[list[float], float, float]:
    """Seconds of each request of some clients, those of all, and the worker's processor time."""
    times: list[float] = []
    begun, cpu = time.perf_counter(), service.cpu_seconds()
    given = service.port, body, begun + seconds, times
    work = [threading.Thread(target=requests, args=given) for _ in range(clients)]
    for each in work:
        each.start()
    for each in work:
        each.join()
    return times, time.perf_counter() - begun, service.cpu_seconds() - cpu


def over_http(service: Service, body: str, seconds: float) -> dict[str, float]:
    """What the service does with one request, asked again and again."""
    ask(service, body, 1, min(1.0, seconds))
    alone, _, _ = ask(service, body, 1, seconds)
    busy, wall, cpu = ask(service, body, CLIENTS, seconds)
    return {
        "requests_per_second": len(busy) / wall,
        "requests_per_core_second": len(busy) / cpu,
        "p50_ms": 1000 * float(np.percentile(alone, 50)),
        "p99_ms": 1000 * float(np.percentile(alone, 99)),
        "p99_ms_busy": 1000 * float(np.percentile(busy, 99)),
    }


def alone(served: Served, request: dict[str, Any], seconds: float) -> dict[str, float]:
    """ONNX Runtime by itself, one thread, on the arrays of the same request."""
    batch = served.model.batch(request["candidates"], request["user"])
    arrays = inputs(batch, list(served.model.manifest.columns))
    times = []
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        begun = time.perf_counter()
        served.model.run(arrays)
        times.append(time.perf_counter() - begun)
    p50, p99 = np.percentile(times, [50, 99])
    return {"runs_per_second": len(times) / sum(times), "p50_ms": 1000 * float(p50), "p99_ms": 1000 * float(p99)}


def request_of(served: Served, candidates: int) -> dict[str, Any]:
    """A user and candidates that differ as far as the model knows values."""
    user = example(served).user
    reader = served.model.reader
    rows = [{n: v for n, v in reader.example(k).items() if n not in user} for k in range(candidates)]
    return {"user": user, "candidates": rows}


def memory(service: Service, export: Path, body: str, minutes: float) -> list[float]:
    """Megabytes of the worker, minute by minute, while it is asked, and gets a new export after each."""
    found = [service.megabytes()]
    for _ in range(int(minutes)):
        ask(service, body, CLIENTS, 60)
        found.append(service.megabytes())
        print(f"{found[-1]:.0f} MB", flush=True)
        replace(export)
    return found


def replace(export: Path) -> None:
    """A copy in the place of an export."""
    new, old = export.with_name("new"), export.with_name("old")
    shutil.copytree(export, new)
    export.rename(old)
    new.rename(export)
    shutil.rmtree(old)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("export", type=Path)
    parser.add_argument("--seconds", type=float, default=10.0, help="of each measurement [%(default)s]")
    parser.add_argument("--candidates", type=int, nargs="+", default=[100, 500])
    parser.add_argument("--minutes", type=float, default=0.0, help="of load, in which memory is measured [%(default)s]")
    parser.add_argument("--to", type=Path, default=ROOT / "benchmarks" / "results" / "serving.json")
    args = parser.parse_args()
    record: dict[str, Any] = {"machine": machine(), "model": Served.load(args.export).says(), "candidates": {}}
    with tempfile.TemporaryDirectory() as folder:
        export = Path(folder) / "export"
        shutil.copytree(args.export, export)
        served = Served.load(export)
        for count in args.candidates:  # first, while nothing else runs
            record["candidates"][count] = {"onnxruntime": alone(served, request_of(served, count), args.seconds)}
        service = Service(export)
        try:
            for count in args.candidates:
                body = json.dumps(request_of(served, count))
                record["candidates"][count]["service"] = over_http(service, body, args.seconds)
            if args.minutes:
                record["megabytes"] = memory(service, export, json.dumps(request_of(served, 100)), args.minutes)
        finally:
            service.close()
    args.to.write_text(json.dumps(record, indent=1) + "\n")
    print(json.dumps(record, indent=1))


if __name__ == "__main__":
    main()
