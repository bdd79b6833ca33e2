"""A trial's process: the trainer, which ends when the search does, however that ends."""

from __future__ import annotations

import os
import sys
from threading import Thread


def main() -> None:
    """`sys.argv[1:]` is the graph mode and the trainer's arguments; standard input is a pipe from the search."""
    Thread(target=_end_with_parent, daemon=True).start()
    from rec import cli

    _, mode, *sys.argv[1:] = sys.argv
    cli.run(mode="static" if mode == "static" else "dygraph", task="train", description=None)


def _end_with_parent() -> None:
    # The system closes the pipe of a search that is killed. Not through sys.stdin: a reader process that is forked
    # meanwhile would wait for its lock. What is on the disk is whole at any moment.
    while os.read(0, 1):
        pass
    os._exit(1)
