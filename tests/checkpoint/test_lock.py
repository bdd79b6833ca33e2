"""One writer at a time; a lock ends with its process. Whole trainings: tests/robustness/faults.py."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from rec.checkpoint.lock import NAME, only_writer
from rec.errors import UserError
from support import ROOT

HOLD = """
import os, sys, time
from pathlib import Path
from rec.checkpoint.lock import only_writer
with only_writer(Path(sys.argv[1])):
    if not os.fork():  # as a reader process is, which may live a moment longer
        print(os.getpid(), flush=True)  # said by the child: until it runs, it has not let go of the lock
    time.sleep(600)
"""


def test_a_second_process_is_refused_until_the_first_is_dead(tmp_path):
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    holder = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": f"{ROOT}/tools"}
    )
    assert holder.stdout is not None
    child = int(holder.stdout.readline())
    try:
        with pytest.raises(UserError, match=rf"another training \(process {holder.pid} on .*runner\.model_save_path"):
            only_writer(tmp_path).__enter__()
        holder.kill()
        holder.wait()
        with only_writer(tmp_path):
            assert (tmp_path / NAME).read_text().startswith(f"process {os.getpid()} on ")
    finally:
        os.kill(child, signal.SIGKILL)
    assert not (tmp_path / NAME).exists()


def test_it_is_released_whatever_happens(tmp_path):
    with pytest.raises(ZeroDivisionError), only_writer(tmp_path):
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(UserError, match=r"cannot write to .*: Not a directory"):
        only_writer(Path("/dev/null")).__enter__()
