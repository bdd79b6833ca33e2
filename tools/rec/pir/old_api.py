"""Paddle's static functions as models written for the old IR expect them, while such a model's programs are built."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import paddle

from rec.optimize.fed import FedRows
from rec.pir.embeddings import Lookup, recorded_embedding
from rec.pir.running_auc import AucCall, recorded_auc


@dataclass
class Record:
    """What a model's programs called while they were built."""

    aucs: list[AucCall] = field(default_factory=list)
    lookups: list[Lookup] = field(default_factory=list)


@contextmanager
def old_static_api(folder: Path, rows: FedRows | None = None) -> Iterator[Record]:
    """Within, the functions below stand in for Paddle's own, also where modules of `folder` imported them by name.

    Sparse lookups are left to `rows`, if given.

    On leaving, whatever happened, Paddle and those modules are as they were.
    """
    record = Record()
    static, nn, functional = paddle.static, paddle.static.nn, paddle.nn.functional
    replaced: list[tuple[ModuleType, str, Callable[..., Any]]] = [
        (static, "auc", recorded_auc(static.auc, record.aucs)),
        (static, "create_global_var", _create_global_var),
        (nn, "embedding", _embedding),
        (nn, "sparse_embedding", _embedding),
        (nn, "batch_norm", _batch_norm),
        (nn, "layer_norm", _layer_norm),
        *((nn, name, _refusal(name)) for name in _WITHOUT_SUBSTITUTE),
        (functional, "embedding", recorded_embedding(functional.embedding, record.lookups, rows)),
    ]
    originals = [getattr(owner, name) for owner, name, _ in replaced]
    substitutes = [new for _, _, new in replaced]
    for owner, name, new in replaced:
        setattr(owner, name, new)
    _exchange(folder, originals, substitutes)
    try:
        yield record
    finally:
        for (owner, name, _), original in zip(replaced, originals, strict=True):
            setattr(owner, name, original)
        _exchange(folder, substitutes, originals)


_WITHOUT_SUBSTITUTE = (
    "sequence_conv", "sequence_softmax", "sequence_pool", "sequence_first_step", "sequence_last_step",
    "sequence_expand", "py_func",
)  # fmt: skip


def _refusal(name: str) -> Callable[..., Any]:
    # Paddle's own message recommends the old IR, in which hardly any model can be built any more.
    def refuse(*_: Any, **__: Any) -> Any:
        instead = "padded sequences and a mask" if name.startswith("sequence") else "Paddle's own functions"
        raise NotImplementedError(f"paddle.static.nn.{name} does not work on Paddle 3.3.1: use {instead}")

    return refuse


def _exchange(folder: Path, old: list[Any], new: list[Any]) -> None:
    """In the modules of a folder, put `new` wherever a name means `old`."""
    of = {id(a): b for a, b in zip(old, new, strict=True)}
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if file is not None and Path(file).is_relative_to(folder):
            for name, value in list(vars(module).items()):
                if id(value) in of:
                    setattr(module, name, of[id(value)])


def _create_global_var(
    shape: Any, value: Any, dtype: Any, persistable: bool = False, force_cpu: bool = False, name: str | None = None
) -> Any:
    """A variable that a program keeps: under PIR only parameters are kept, so one that is not trained."""
    constant = paddle.nn.initializer.Constant(value)
    attr = paddle.ParamAttr(name=name, initializer=constant, trainable=False)
    variable = paddle.static.create_parameter(list(shape), dtype, attr=attr)
    variable.stop_gradient = True
    return variable


def _embedding(
    input: Any,
    size: Any,
    is_sparse: bool = False,
    is_distributed: bool = False,
    padding_idx: int | None = None,
    param_attr: Any = None,
    dtype: str = "float32",
    **_: Any,
) -> Any:
    """`paddle.static.nn.embedding`; also for `sparse_embedding`, whose table on servers this wheel does not have."""
    padding = None if padding_idx == -1 else padding_idx
    return paddle.nn.Embedding(int(size[0]), int(size[1]), padding, sparse=is_sparse, weight_attr=param_attr)(input)


def _batch_norm(
    input: Any,
    act: str | None = None,
    is_test: bool = False,
    momentum: float = 0.9,
    epsilon: float = 1e-05,
    param_attr: Any = None,
    bias_attr: Any = None,
    data_layout: str = "NCHW",
    in_place: bool = False,
    name: str | None = None,
    moving_mean_name: str | None = None,
    moving_variance_name: str | None = None,
    do_model_average_for_mean_and_var: bool = True,
    use_global_stats: bool = False,
) -> Any:
    channels = int(input.shape[1 if data_layout == "NCHW" else -1])
    layer = paddle.nn.BatchNorm(
        channels, act, is_test, momentum, epsilon, param_attr, bias_attr, "float32", data_layout, in_place,
        moving_mean_name, moving_variance_name, do_model_average_for_mean_and_var, use_global_stats,
    )  # fmt: skip
    if is_test:
        layer.eval()
    return layer(input)


def _layer_norm(
    input: Any,
    scale: bool = True,
    shift: bool = True,
    begin_norm_axis: int = 1,
    epsilon: float = 1e-05,
    param_attr: Any = None,
    bias_attr: Any = None,
    act: str | None = None,
    name: str | None = None,
) -> Any:
    shape = [int(size) for size in input.shape[begin_norm_axis:]]
    weight_attr, shift_attr = param_attr if scale else False, bias_attr if shift else False
    layer = paddle.nn.LayerNorm(shape, epsilon, weight_attr=weight_attr, bias_attr=shift_attr)
    return getattr(paddle.nn.functional, act)(layer(input)) if act else layer(input)
