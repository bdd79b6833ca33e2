"""Ids that a program looks up in embeddings, checked on the host: the operator reads foreign memory for a wrong one."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import paddle

from rec.console import log
from rec.errors import UserError
from rec.numeric import Array
from rec.optimize.fed import FedRows
from rec.optimize.program import ProgramRows, Run
from rec.optimize.rows import LARGE
from rec.optimize.rule import NoRuleError


@dataclass(frozen=True)
class Lookup:
    """One lookup while a program was built: which variable holds the ids, in an embedding of how many rows."""

    ids: Any
    rows: int
    name: str


def recorded_embedding(original: Callable[..., Any], lookups: list[Lookup], rows: FedRows | None) -> Callable[..., Any]:
    """A `paddle.nn.functional.embedding` that notes what it looks up in `lookups`, or leaves it to `rows`."""
    signature = inspect.signature(original)

    def embedding(*args: Any, **kwargs: Any) -> Any:
        given = signature.bind(*args, **kwargs).arguments
        x, weight = given["x"], given["weight"]
        lookups.append(Lookup(x, int(weight.shape[0]), getattr(weight, "name", "embedding")))
        by_rows = (given.get("sparse") or weight.shape[0] >= LARGE) and not weight.stop_gradient
        if rows is not None and by_rows and not given.get("max_norm"):
            return rows.look_up(x, weight, given.get("padding_idx"), bool(given.get("sparse")))
        return original(*args, **kwargs)

    return embedding


# Operators that pass every id on: what comes out of them is all in what went in.
_PASSED_ON = {
    f"pd_op.{name}"
    for name in ("reshape", "squeeze", "unsqueeze", "flatten", "transpose", "cast", "concat", "stack", "expand", "tile")
} | {"builtin.combine", "pd_op.assign", "pd_op.share_data_"}


class IdCheck:
    """Holds each batch's ids against the embeddings they are looked up in.

    Ids that are fed, also reshaped or joined, are checked as they are fed. Ids computed in any other way are computed
    by a program of their own first.

    Args:
        program: the whole program.
        inputs: its fed variables.
        lookups: made while it was built.
    """

    def __init__(self, program: Any, inputs: list[Any], lookups: list[Lookup]) -> None:
        feeds = {variable.name for variable in inputs}
        self._limits: dict[str, Lookup] = {}
        self._computed: list[tuple[Lookup, Any, list[str]]] = []
        for lookup in lookups:
            names = _fed_unchanged(lookup.ids)
            if names is None:
                self._compute(program, inputs, lookup)
            for name in (names or set()) & feeds:
                known = self._limits.get(name)
                if known is None or lookup.rows < known.rows:
                    self._limits[name] = lookup

    def _compute(self, program: Any, inputs: list[Any], lookup: Lookup) -> None:
        """Prepare a program for ids that the model computes."""
        above = [variable for variable in inputs if variable.name in upstream(lookup.ids)]
        if not above:
            return  # the same ids in every batch
        try:
            self._computed.append((lookup, pruned(program, above, lookup.ids), [v.name for v in above]))
        except (ValueError, RuntimeError):  # within a branch or a loop, which cannot be cut out
            log.warning("embedding %s: its ids are not checked, they are made in a branch or a loop", lookup.name)

    def check(self, feed: Mapping[str, Array], run: Run) -> None:
        """Raise UserError for an id that is no row of its embedding; `feed` is what a step will be fed."""
        for name, lookup in self._limits.items():
            _check(feed[name], lookup, f"feed {name}")
        for lookup, program, names in self._computed:
            (ids,) = run(program, {name: feed[name] for name in names}, [])
            _check(np.asarray(ids), lookup, "an id that the model computes")


def program_rows(program: Any, inputs: list[Any], rows: FedRows) -> ProgramRows:
    """The rows of a program that is complete.

    Raises:
        NoRuleError: they cannot be.
    """
    if rows.fed and rows.optimizer is None:
        raise NoRuleError("no optimizer of Paddle")
    feeds = {variable.name for variable in inputs}
    computed = [ids for each in rows.fed.values() for ids, _ in each.lookups if not _is_fed(ids, feeds)]
    if not computed:
        return ProgramRows(rows, None)
    above = set().union(*(upstream(ids) for ids in computed))
    if not above <= feeds:
        raise NoRuleError("ids that are made of an embedding's vectors")
    needed = [variable for variable in inputs if variable.name in above]
    return ProgramRows(rows, (pruned(program, needed, *computed), [v.name for v in needed], computed))


def _is_fed(ids: Any, feeds: set[str]) -> bool:
    operator = ids.get_defining_op()
    return operator is not None and operator.name() == "pd_op.data" and ids.name in feeds


def pruned(program: Any, inputs: list[Any], *outputs: Any) -> Any:
    """The part of a program that computes `outputs` from `inputs`, which all have to be needed for it."""
    with warnings.catch_warnings():  # of AUC states, which no program here keeps
        warnings.filterwarnings("ignore", message=".*auc states.*")
        part = paddle.static.normalize_program(program, inputs, list(outputs))
    if hasattr(part, "lr_scheduler"):  # the executor would set a learning rate that this part does not have
        del part.lr_scheduler
    return part


def _check(ids: Array, lookup: Lookup, what: str) -> None:
    if not ids.size or (ids.min() >= 0 and ids.max() < lookup.rows):
        return
    wrong = np.argwhere((ids < 0) | (ids >= lookup.rows))[0]
    raise UserError(
        f"{what}: id {ids[tuple(wrong)]} in row {wrong[0]} of the batch, but embedding {lookup.name} has {lookup.rows} "
        f"rows: ids should be 0 to {lookup.rows - 1} (a larger hyper_parameters.sparse_feature_number?)"
    )


def _fed_unchanged(value: Any) -> set[str] | None:
    """Names of the feeds whose ids, all of them and nothing else, are in `value`; None where it is computed."""
    operator = value.get_defining_op()
    if operator.name() == "pd_op.data":
        return {operator.attrs()["name"]}
    if operator.name() not in _PASSED_ON:
        return None
    sources = operator.operands_source()
    # The first operand is the data; concat's axis, reshape's shape and the like follow.
    found = [_fed_unchanged(source) for source in (sources if operator.name() == "builtin.combine" else sources[:1])]
    return None if any(names is None for names in found) else set().union(*(names or set() for names in found))


def upstream(value: Any) -> set[str]:
    """Names of all feeds that `value` depends on."""
    found, seen, waiting = set(), set(), [value]
    while waiting:
        operator = waiting.pop().get_defining_op()
        if operator is None or operator.id() in seen:  # None: an operand that is optional and absent
            continue
        seen.add(operator.id())
        if operator.name() == "pd_op.data":
            found.add(operator.attrs()["name"])
        waiting += operator.operands_source()
    return found
