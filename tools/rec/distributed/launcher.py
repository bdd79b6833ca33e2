"""This process and Paddle's launcher, also before Paddle is imported."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable

from rec.console import log
from rec.errors import UserError


def launched() -> int:
    """How many processes a launcher started; 1: there is none."""
    return int(os.environ.get("PADDLE_TRAINERS_NUM", "1"))


def refuse_several() -> None:
    """Raise UserError where a launcher started several processes of what runs in one."""
    if launched() > 1:
        raise UserError(
            "only trainings of trainer.py and static_trainer.py run in several processes: start this without "
            "paddle.distributed.launch"
        )


_at_end: list[Callable[[str | None, int], None]] = []
"""What is told an error, or None, and the exit code when a command ends."""


_joined: list[int] = []
"""This process's rank, if it is one of several."""


def join(timeout: float) -> None:
    """Find the other processes that a launcher started; the first one alone logs.

    Args:
        timeout: seconds after which a silent process counts as gone.
    """
    from rec.distributed import ranks  # Paddle's import is done by now

    here = ranks.join(timeout)
    _joined.append(here.rank)
    if here.rank:
        log.setLevel(logging.ERROR)
    _at_end.append(here.close)


def end(error: str | None, code: int) -> None:
    """The command has ended, with an error or without: let the others know."""
    while _at_end:
        _at_end.pop()(error, code)


def leave(code: int) -> None:
    """End this process here if it is one of several that have joined.

    Python's own end would take Paddle's process groups down while the others close their connections, and now and then
    one aborts then, with -6 for an exit code: 2 of 20 trainings of three processes ended so.
    """
    if _joined:
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
