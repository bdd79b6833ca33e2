"""A PaddleRec `StaticModel` built as a PIR program: what is fed, what is fetched and what is counted on the host."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
import paddle
from paddle.base import framework as old_ir

from rec.config.config import Config
from rec.errors import UserError
from rec.loading import where
from rec.numeric import Array
from rec.optimize.fed import FedRows
from rec.optimize.program import ProgramRows
from rec.optimize.rule import NoRuleError
from rec.pir.embeddings import IdCheck, program_rows
from rec.pir.old_api import Record, old_static_api
from rec.pir.running_auc import AucCall, RunningAuc


@dataclass
class Built:
    """A program and how it is run.

    Attributes:
        inputs: the fed variables, in the reader's order.
        returned: what the model returned that is a variable, by name.
        fetched: those fetched as they are: `returned` without the AUCs, and in training the cost as `loss`.
        constants: what the model returned that is a plain number.
        counted: calls of `paddle.static.auc` by the name under which the model returned their result.
        metrics: the running AUC of each of them, in that order.
        ids: checks the ids of a batch.
        helpers: ids of operators that are ours, not the model's.
        rows: the embeddings whose rows are fed.
    """

    program: Any
    startup: Any
    inputs: list[Any]
    returned: dict[str, Any]
    fetched: dict[str, Any]
    constants: dict[str, Any]
    counted: dict[str, AucCall]
    metrics: dict[str, RunningAuc]
    ids: IdCheck
    helpers: frozenset[int]
    rows: ProgramRows

    def feed(self, batch: list[Array] | Mapping[str, Array]) -> dict[str, Array]:
        """A batch's arrays by the names of the feeds: by position, or by the names that the reader gives them.

        More arrays than feeds are passed over.

        Raises:
            UserError: an array is missing, or its shape or type does not fit its feed.
        """
        if isinstance(batch, Mapping):
            absent = [variable.name for variable in self.inputs if variable.name not in batch]
            if absent:
                raise UserError(f"the reader yields {', '.join(batch)}, but create_feeds asks for {', '.join(absent)}")
            return {variable.name: _fit(variable, batch[variable.name], "by that name") for variable in self.inputs}
        if len(batch) < len(self.inputs):
            names = ", ".join(variable.name for variable in self.inputs)
            raise UserError(
                f"the reader yields {len(batch)} arrays, but create_feeds asks for {len(self.inputs)} ({names})"
            )
        pairs = enumerate(zip(self.inputs, batch, strict=False))
        return {variable.name: _fit(variable, array, str(position)) for position, (variable, array) in pairs}


def build(model: Any, config: Config, is_infer: bool, rows: FedRows | None = None) -> Built:
    """Build the training program, or the evaluation program, of a directory's model.

    Args:
        rows: takes the sparse lookups of a training program; None: they are dense.

    Raises:
        UserError: whatever the model raises, with its line.
        NoRuleError: `rows` cannot take them.
    """
    program, startup = paddle.static.Program(), paddle.static.Program()
    try:
        with (
            old_static_api(config.model_dir, rows) as record,
            contextlib.nullcontext() if rows is None else rows.minimising(),
            paddle.utils.unique_name.guard(),
            # Paddle's static.nn.* number their names in the old IR's program, which exists beside PIR's all the same.
            old_ir.program_guard(old_ir.Program(), old_ir.Program()),
            paddle.static.program_guard(program, startup),
            warnings.catch_warnings(),
        ):
            warnings.filterwarnings("ignore", message=".*'place' interface.*")
            inputs, returned = _define(model, is_infer)
    except (UserError, NoRuleError):
        raise
    except Exception as error:
        raise UserError(f"the model could not be built: {where(error, config.model_dir)}") from error
    if is_infer:
        _score(program.global_block())
    own = program_rows(program, inputs, rows or FedRows())
    return _sort(program, startup, inputs, returned, None if is_infer else model._cost, record, own)


def _score(block: Any) -> None:
    """Switch off what only training does: dropout draws, and BatchNorm takes, and keeps, the batch's own mean."""
    for operator in block.ops:
        if "is_test" in operator.attrs():
            operator.set_bool_attr("is_test", True)
        for inner in operator.blocks():
            _score(inner)


def _define(model: Any, is_infer: bool) -> tuple[list[Any], dict[str, Any]]:
    """Call the model's methods as PaddleRec's tools do."""
    if is_infer:
        inputs = list(model.create_feeds(is_infer=True))
        return inputs, dict(model.infer_net(inputs) or {})
    inputs = list(model.create_feeds())
    returned = dict(model.net(inputs) or {})
    if getattr(model, "_cost", None) is None:
        raise UserError("static_model.py: net() should set self._cost, the variable to minimise")
    model.create_optimizer()
    return inputs, returned


def _sort(
    program: Any,
    startup: Any,
    inputs: list[Any],
    returned: dict[str, Any],
    cost: Any,
    record: Record,
    rows: ProgramRows,
) -> Built:
    """Tell apart what the model returned: variables to fetch, AUCs to count, numbers; the rest cannot be shown."""
    variables = {name: value for name, value in returned.items() if isinstance(value, paddle.pir.Value)}
    constants = {name: np.asarray(value) for name, value in returned.items() if isinstance(value, Real | np.ndarray)}
    counted = {}
    for name, value in variables.items():
        call = next((call for call in record.aucs if call.value.is_same(value)), None)
        if call is not None:
            counted[name] = call
    fetched = {name: value for name, value in variables.items() if name not in counted}
    if cost is not None:
        fetched = {"loss": cost, **fetched}
    metrics = {name: RunningAuc() for name in counted}
    ids = IdCheck(program, inputs, record.lookups)
    helpers: frozenset[int] = frozenset().union(*(call.operators for call in record.aucs))
    return Built(program, startup, inputs, variables, fetched, constants, counted, metrics, ids, helpers, rows)


def _fit(variable: Any, array: Any, position: str) -> Array:
    """An array as its feed wants it. A last dimension of 1 may be there or not: readers yield [B] for [-1, 1]."""
    array, wanted = np.asarray(array), list(variable.shape)
    what = f"feed {variable.name} (array {position} of the reader)"
    if array.ndim == len(wanted) - 1 and wanted[-1] == 1:
        array = array[..., np.newaxis]
    elif array.ndim == len(wanted) + 1 and array.shape[-1] == 1:
        array = array[..., 0]
    if len(array.shape) != len(wanted) or any(w not in (-1, a) for a, w in zip(array.shape, wanted, strict=True)):
        raise UserError(f"{what}: expected shape {wanted} (-1: any), got {list(array.shape)}")
    dtype = dtype_of(variable)
    if not np.can_cast(array.dtype, dtype, "same_kind"):
        raise UserError(f"{what}: expected {dtype}, got {array.dtype}")
    return np.ascontiguousarray(array, dtype)


def dtype_of(variable: Any) -> np.dtype[Any]:
    """A variable's type as NumPy's."""
    return np.dtype(str(variable.dtype).removeprefix("paddle."))
