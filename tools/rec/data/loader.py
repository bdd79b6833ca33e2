"""Batches from a reading thread or reader processes, in the same order for any number of them."""

from __future__ import annotations

import contextlib
import itertools
import multiprocessing
import os
import signal
from collections.abc import Generator, Iterator, Sequence
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from rec.data.plan import ReadPlan
from rec.data.prefetch import prefetch
from rec.data.rows import RowReader
from rec.errors import UserError
from rec.loading import where


def compiled(reader: Any) -> bool:
    """Whether a thread of this process can read beside the step: our kernels and Arrow run without the interpreter's
    lock, which a PaddleRec reader would hold."""
    return not isinstance(reader, RowReader)


def if_slow(reader: Any, num_workers: int) -> str:
    """What to try where the steps wait for a reader that has so many processes."""
    if compiled(reader):
        return str(reader.if_slow)
    if num_workers == 0:
        return "try runner.num_workers=1, which reads beside the step"
    return "each reader process goes through all rows, so more of them do not help: the directory's reader is the limit"


def load_batches(reader: Any, plan: ReadPlan, num_workers: int, model_dir: Path) -> Generator[Any, None, None]:
    """The batches of a plan.

    Without reader processes the reader's threads make them ahead of the step, if it is `compiled`; else the step waits.
    Worker w of n, thread or process, makes batches w, w + n, ... and they are taken in turn, so the result does not
    depend on n.

    Raises:
        UserError: what the reader raised, in any process, with the line of the model directory it came from; or a
            reader process ended without a word.
    """
    if num_workers == 0:
        if not compiled(reader):
            yield from _guarded(reader, plan, model_dir)
            return
        shares = [plan.for_worker(thread, reader.threads) for thread in range(reader.threads)]
        yield from _take_turns([prefetch(_guarded(reader, share, model_dir)) for share in shares], plan.start)
        return
    # Forked, so that a reader need not survive pickling; the workers touch neither Paddle nor its threads.
    context = multiprocessing.get_context("fork")
    workers: list[tuple[BaseProcess, Connection]] = []
    try:
        for worker in range(num_workers):
            receive, send = context.Pipe(duplex=False)
            others = [connection for _, connection in workers]
            share = plan.for_worker(worker, num_workers)
            process: BaseProcess = context.Process(
                target=_work, args=(reader, share, model_dir, send, [receive, *others]), daemon=True
            )
            process.start()
            send.close()
            workers.append((process, receive))
        yield from _take_turns([_received(*worker, number) for number, worker in enumerate(workers)], plan.start)
    finally:
        for process, connection in workers:
            connection.close()
            process.kill()  # a reader has nothing to tidy, and Paddle answers SIGTERM with a stack trace
            process.join()


def _take_turns(workers: Sequence[Generator[Any, None, None]], start: int) -> Iterator[Any]:
    """The workers' batches in their order, the first of which is number `start`."""
    with contextlib.ExitStack() as open_workers:
        for worker in workers:
            open_workers.enter_context(contextlib.closing(worker))
        for number in itertools.count(start):
            batch = next(workers[number % len(workers)], None)
            if batch is None:  # whoever's turn it is has no batch left, so nobody has
                return
            yield batch


def _received(process: BaseProcess, connection: Connection, number: int) -> Generator[Any, None, None]:
    """What reader process `number` sends."""
    while True:
        try:
            kind, value = connection.recv()
        except (EOFError, ConnectionResetError):
            process.join()
            raise UserError(f"reader process {number} {_ended(process.exitcode)}") from None
        if kind == "error":
            raise UserError(value)
        if kind == "end":
            return
        yield value


def _ended(code: int | None) -> str:
    if code is not None and code < 0:
        return f"was killed by {signal.Signals(-code).name} (out of memory? try a smaller runner.num_workers)"
    return f"ended early with exit code {code}"


def _work(reader: Any, plan: ReadPlan, model_dir: Path, send: Connection, close: list[Connection]) -> None:
    """Body of a reader process."""
    # The parent alone reports Ctrl-C; its end of the pipe closes when it dies, which ends the send below.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for connection in close:
        connection.close()
    try:
        try:
            for batch in _guarded(reader, plan, model_dir):
                send.send(("batch", batch))
            send.send(("end", None))
        except UserError as error:
            send.send(("error", str(error)))
    except (BrokenPipeError, ConnectionResetError):
        pass
    finally:
        # Leave at once: exit handlers belong to the trainer whose memory this process copied.
        os._exit(0)


def _guarded(reader: Any, plan: ReadPlan, model_dir: Path) -> Generator[Any, None, None]:
    """A reader's batches; whatever it raises becomes one line that names the place."""
    try:
        yield from reader.batches(plan)
    except (UserError, GeneratorExit):
        raise
    except Exception as error:
        raise UserError(f"the reader failed: {where(error, model_dir)}") from error
