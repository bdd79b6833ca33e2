"""The rows of a built static program's embeddings: pulled before a run, pushed after it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from rec.numeric import Array
from rec.optimize.fed import FedRows
from rec.optimize.rows import Rows
from rec.optimize.rule import learning_rate

Run = Callable[[Any, Mapping[str, Array], list[Any]], list[Array]]
"""Runs a program: the program, its feed, what is fetched beside what it fetches itself."""


class ProgramRows:
    """The rows of a built program's embeddings, in the memory of its parameters.

    Args:
        fed: what its lookups became.
        computed: a program that computes the ids which are not fed as they are, and its feeds and results; None: all
            are.
    """

    def __init__(self, fed: FedRows, computed: tuple[Any, list[str], list[Any]] | None) -> None:
        self._fed, self._optimizer, self._rules = fed.fed, fed.optimizer, fed.rules
        self._computed = computed
        self._rows: dict[str, Rows] = {}
        self._pulled: dict[str, Array] = {}

    @property
    def fetches(self) -> list[Any]:
        """Gradients to be fetched, for `push`."""
        return [each.gradient for each in self._fed.values()]

    def open(self, memory: Callable[[str], Array]) -> None:
        """Take the parameters' memory, by name, once they are initialised or loaded."""
        for name, each in self._fed.items():
            if name in self._rows:
                self._rows[name].weight = memory(name)
            else:
                self._rows[name] = Rows(memory(name), self._rules[name], name, each.padding)

    def pull(self, feed: Mapping[str, Array], run: Run) -> dict[str, Array]:
        """What else is fed: rows, and the places of ids among them; `run` runs a program.

        Raises:
            UserError: an id that is no row.
        """
        ids: dict[int, Array] = {}
        if self._computed is not None:
            program, names, results = self._computed
            computed = run(program, {name: feed[name] for name in names}, [])
            ids = {id(value): np.asarray(array) for value, array in zip(results, computed, strict=True)}
        more: dict[str, Array] = {}
        for name, each in self._fed.items():
            rows = self._rows[name]
            found = [ids[id(x)] if id(x) in ids else feed[x.name] for x, _ in each.lookups]
            distinct, places = rows.distinct(*found)
            self._pulled[name] = distinct
            more[each.values.name] = rows.pull(distinct)
            pairs = zip(each.lookups, places, strict=True)
            more |= {variable.name: place.astype(np.int64) for (_, variable), place in pairs}
        return more

    def push(self, gradients: list[Array]) -> None:
        """Move the rows of the last `pull`."""
        for (name, rows), gradient in zip(self._rows.items(), gradients, strict=True):
            rows.push(self._pulled[name], np.asarray(gradient), learning_rate(self._optimizer))

    def settle(self) -> None:
        """Catch up every row."""
        for rows in self._rows.values():
            rows.settle()

    def states(self) -> dict[str, Array]:
        """The optimizer's states by Paddle's names."""
        return {f"{name}_{key}": value for name, rows in self._rows.items() for key, value in rows.states().items()}

    def take(self, states: Mapping[str, Array]) -> dict[str, Array]:
        """Copy in what is given of `states()`; returns the rest."""
        rest = dict(states)
        for name, rows in self._rows.items():
            names = {key: f"{name}_{key}" for key in rows.state_names}
            rows.take({key: rest.pop(full) for key, full in names.items() if full in rest})
        return rest
