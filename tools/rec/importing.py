"""Paddle's import, with the environment and the signal handlers that the tools want."""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import signal
import sys
import warnings
from typing import Any

from rec.distributed.launcher import refuse_several
from rec.memory import keep_freed_memory
from rec.processor import mkl_cpu_type


def import_paddle(mkl_on_amd: bool = True, several: bool = False) -> str | None:
    """Import Paddle with the environment that it reads then; what the user has set stays.

    Args:
        mkl_on_amd: whether its MKL may be told which instructions a processor of AMD has.
        several: whether this may be one of several processes of a launcher.

    Returns:
        what it was told; None: nothing.
    """
    if not several:
        refuse_several()
    keep_freed_memory()
    free = mkl_on_amd and "paddle" not in sys.modules and "MKL_DEBUG_CPU_TYPE" not in os.environ
    cpu_type = mkl_cpu_type() if free else None
    if cpu_type:
        os.environ["MKL_DEBUG_CPU_TYPE"] = cpu_type
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    os.environ.setdefault("OMP_NUM_THREADS", str(cores or 1))
    # A matrix product's threads spin for 0.2 s after it by default, in the way of readers and of the table's thread.
    os.environ.setdefault("KMP_BLOCKTIME", "0")
    os.environ.setdefault("GLOG_minloglevel", "2")
    warnings.filterwarnings("ignore", message=".*ccache.*")
    # Paddle greets several threads with a warning about data parallelism, which is not used here.
    with contextlib.redirect_stderr(io.StringIO()):
        paddle = importlib.import_module("paddle")
    # A scheduler's SIGTERM ends a run like Ctrl-C; Paddle would answer it with a stack trace.
    paddle.disable_signal_handler()
    signal.signal(signal.SIGTERM, _interrupt)
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:  # as in a shell's background
        signal.signal(signal.SIGINT, _interrupt)
    return cpu_type


interrupts: list[int] = []
"""The signals that have asked this run to end."""


def _interrupt(number: int, _: Any) -> None:
    interrupts.append(number)
    raise KeyboardInterrupt
