"""A program that is run many times: what the executor looks up by the program's whole text at every run is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import paddle
from paddle.base import core

from rec.numeric import Array
from rec.optimize.memory import of_dense_tensor


class Prepared:
    """A program, where it runs and what is fetched, ready to be run.

    `paddle.static.Executor.run` writes the program out as text at every call, as the key of its cache: 1.4 ms for a
    training program of ours. The plan that it finds there is used here directly.

    Args:
        program: complete; it is compiled when it is first run.
        place, scope: where.
        fetches: its variables.
    """

    def __init__(self, program: Any, place: Any, scope: Any, fetches: Sequence[Any]) -> None:
        self._program, self._place, self._scope, self._fetches = program, place, scope, list(fetches)
        self._plan: Any = None
        self._feeds: list[str] = []

    def run(self, feed: Mapping[str, Array], kept: int | None = None) -> list[Array]:
        """The fetched arrays; `feed` may hold more than the program reads.

        The first `kept` of them (None: all) are the caller's. The others are the program's own memory, which its next
        run writes to.
        """
        with paddle.static.scope_guard(self._scope):
            if self._plan is None:
                self._compile(feed)
            self._set_learning_rate()
            for name in self._feeds:
                tensor = core.DenseTensor()
                tensor.set(feed[name], self._place)
                core.set_feed_variable(self._scope, tensor, name, 0)
            tensors = self._plan.run(self._feeds, False, False)
        if not self._place.is_cpu_place():
            return [np.array(tensor) for tensor in tensors]
        arrays = [of_dense_tensor(tensor) for tensor in tensors]
        return [array.copy() for array in arrays[:kept]] + ([] if kept is None else arrays[kept:])

    def _compile(self, feed: Mapping[str, Array]) -> None:
        # One operator after another: they are small, and threads that wake each other up take longer than they do.
        paddle.set_flags({"FLAGS_new_executor_serial_run": True})
        executor = paddle.static.Executor(self._place)
        _, self._plan, inputs = executor._executor_cache.get_pir_program_and_executor(
            self._program, dict(feed), self._fetches, "feed", "fetch", self._place, self._scope, None
        )
        self._feeds = [name for name, _, _, _ in inputs if name in feed]

    def _set_learning_rate(self) -> None:
        schedule = getattr(self._program, "lr_scheduler", None)
        if schedule is not None:
            tensor = core.get_variable_tensor(self._scope, self._program.lr_name)
            tensor.set(np.array([schedule()], np.asarray(tensor).dtype), self._place)
