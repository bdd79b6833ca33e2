"""The commands as users start them, many in one process: an import of Paddle costs more than most of them on tiny data.

A process of its own, and not the tests': Paddle ends a process in which it aborts, as it does when Paddle Inference
starts where a program of ours with Python operators has run before.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import runpy
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any

from support import ROOT, Outcome


class Commands:
    """A process that runs tools one after another, in the order in which they are asked for.

    `commands(folder, "trainer", "-m", config, "-o", ...)` is `python tools/trainer.py -m ...` in that folder.
    """

    def __init__(self) -> None:
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - `close` closes it
        pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": self._errors}
        self._process = subprocess.Popen([sys.executable, __file__], text=True, **pipes)

    def __call__(self, folder: Path, name: str, *arguments: object) -> Outcome:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        request = {"folder": str(folder), "name": name, "arguments": [*map(str, arguments)]}
        print(json.dumps(request), file=self._process.stdin, flush=True)
        answer = self._process.stdout.readline()
        if not answer:
            self._errors.seek(0)
            return Outcome(self._process.wait(), "", f"the process died\n{self._errors.read()[-4000:]}")
        return Outcome(**json.loads(answer))

    def close(self) -> None:
        """End the process."""
        self._process.communicate()
        self._errors.close()


def _serve() -> None:
    # Answers keep the pipe to themselves: whatever a command or Paddle prints goes elsewhere.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        print(json.dumps(_run(**json.loads(line))), file=answers, flush=True)


def _run(folder: str, name: str, arguments: list[str]) -> dict[str, Any]:
    if "paddle" in sys.modules:
        sys.modules["paddle"].disable_static()
    os.chdir(folder)
    path = ROOT / "tools" / f"{name}.py"
    sys.argv = [str(path), *arguments]
    out, err, code = io.StringIO(), io.StringIO(), 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            runpy.run_path(str(path), run_name="__main__")
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
        except BaseException:
            traceback.print_exc()
            code = 1
    return {"code": code, "out": out.getvalue(), "err": err.getvalue()}


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT / "tools"))  # where Python puts a tool's own folder
    _serve()
