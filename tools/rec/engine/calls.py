"""Calls of a `DygraphModel`'s methods: what comes back is held against PaddleRec's contract."""

from __future__ import annotations

from typing import Any

from rec.errors import UserError

_FORMS = {
    "train_forward": "(dy_model, metrics, batch, config) -> (loss, metrics, {name: tensor} or None)",
    "infer_forward": "(dy_model, metrics, batch, config) -> (metrics, {name: tensor} or None)",
}


def call(model: Any, name: str, *arguments: Any) -> tuple[Any, ...]:
    """What `model.<name>(*arguments)` returns.

    Raises:
        UserError: there is no such method, or it returns something else than the contract says.
    """
    form = f"the contract is {name}{_FORMS[name]}"
    method = getattr(model, name, None)
    if method is None:
        raise UserError(f"dygraph_model.py: DygraphModel has no {name}; {form}")
    returned = method(*arguments)
    wanted = 3 if name == "train_forward" else 2
    if not isinstance(returned, tuple | list) or len(returned) != wanted:
        found = f"{len(returned)} values" if isinstance(returned, tuple | list) else type(returned).__name__
        raise UserError(f"dygraph_model.py: {name} returned {found}; {form}")
    if not isinstance(returned[-1], dict | None):
        raise UserError(f"dygraph_model.py: {name} returned {type(returned[-1]).__name__} last; {form}")
    return tuple(returned)
