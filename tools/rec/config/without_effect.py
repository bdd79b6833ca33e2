"""Settings that a config may hold and that do nothing: PaddleRec's, and those that one command passes by."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from rec.console import log

WITHOUT_EFFECT = {
    "use_xpu": "the device is a CPU or, with use_gpu, a GPU",
    "use_npu": "the device is a CPU or, with use_gpu, a GPU",
    "use_fleet": "training runs in one process",
    "sync_mode": "training runs in one process",
    "split_file_list": "training runs in one process, which reads every file",
    "thread_num": "files are read in order (num_workers sets the number of reader processes)",
    "dataset_debug": "runner.replay and tools/doctor.py look at batches",
}
"""Settings of PaddleRec's that mean nothing here, and why."""


def warn_of(names: Iterable[str], path: Path, runner: Mapping[str, Any], where: str) -> None:
    """Name the `runner` settings of a config that are set and have no effect `where`, such as "in a comparison"."""
    for name in names:
        if runner.get(name):
            log.warning("%s: runner.%s has no effect %s", path, name, where)
