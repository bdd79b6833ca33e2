"""Where a step's time goes: tools/trainer.py with a clock around the parts of its steps.

    python benchmarks/step_times.py -m CONFIG -o ...
    python -m paddle.distributed.launch --nproc_per_node 2 benchmarks/step_times.py -m CONFIG -o ...

At its end a process prints a line `step times: {part: [milliseconds, those of CPU by the same thread]}`, means over the
steps but the first hundred; `process` has the CPU time of all its threads. `distributed.py speed` reads it.
"""

from __future__ import annotations

import json
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))

from rec import cli
from rec.distributed.launcher import launched
from rec.importing import import_paddle

SKIPPED = 100
"""Steps before the clock starts."""

STEP = "step"

times: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
begun: list[tuple[float, float]] = []
steps = [0]


def clocked(owner: Any, name: str, part: str) -> None:
    """Add a method's time to a part's."""
    method: Callable[..., Any] = getattr(owner, name)

    def timed(*given: Any, **named: Any) -> Any:
        wall, own = time.perf_counter(), time.thread_time()
        try:
            return method(*given, **named)
        finally:
            times[part][0] += time.perf_counter() - wall
            times[part][1] += time.thread_time() - own
            if part == STEP:
                _count()

    setattr(owner, name, timed)


def _count() -> None:
    steps[0] += 1
    if steps[0] == SKIPPED:
        times.clear()
        begun.append((time.perf_counter(), time.process_time()))


def told() -> dict[str, list[float]]:
    """Milliseconds of a step."""
    count = steps[0] - SKIPPED
    wall, own = begun[0]
    found = {**times, "process": [time.perf_counter() - wall, time.process_time() - own]}
    return {part: [round(1e3 * each / count, 1) for each in pair] for part, pair in found.items()}


def main() -> None:
    """Train."""
    import_paddle(several=launched() > 1)
    import paddle

    from rec.contract.dygraph import DygraphModel
    from rec.data.divided import Divided
    from rec.distributed.ranks import Ranks
    from rec.distributed.transport import Transport
    from rec.engine.dygraph import DygraphEngine
    from rec.table.host import HostTable
    from rec.table.replicated import ReplicatedTable
    from rec.table.sharded import ShardedTable

    for owner in (HostTable, ShardedTable):
        clocked(owner, "pull", "table's vectors")
    for owner in (ReplicatedTable, ShardedTable):
        clocked(owner, "collect", "table's gradients")
    clocked(HostTable, "_move", "table's update, in a thread")
    clocked(DygraphModel, "train_forward", "forward")
    clocked(paddle.Tensor, "backward", "backward")
    clocked(Ranks, "mean", "network's gradients")
    clocked(Divided, "shared", "labels and ids of the next, in a thread")
    clocked(Transport, "gather", "exchanges among these")
    clocked(Transport, "swap", "exchanges among these")
    clocked(DygraphEngine, "train_step", STEP)
    close = Ranks.close

    def closed(self: Ranks, *given: Any) -> None:
        print("step times:", json.dumps(told()), flush=True)
        close(self, *given)

    Ranks.close = closed  # type: ignore[method-assign]
    cli.run(mode="dygraph", task="train", description=__doc__)
    if launched() == 1:
        print("step times:", json.dumps(told()), flush=True)


if __name__ == "__main__":
    main()
