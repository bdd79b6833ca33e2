"""Paddle's optimizers as rules for rows, which move each row as their dense form does."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import paddle

from rec.kernels import deferred as kernels
from rec.numeric import Array

_NEGLIGIBLE = 1e-9
"""Share of a moment's first move below which what is left of it moves a weight by less than a float32 digit."""


class NoRuleError(Exception):
    """An optimizer, or an option of it, that has no rule for rows; the text says which."""


@dataclass(frozen=True)
class Rule:
    """How rows move, as numbers for the kernels.

    Attributes:
        kind: one of the kernels' constants.
        states: Paddle's names of the accumulators, in the kernels' order; None where a kernel's state is not used.
        constants: float32 [6], the kernels' `k`.
        initial: what the first state starts from.
        epsilon, decay: epsilon, and decoupled weight decay (AdamW).
        betas: Adam's, which its bias correction needs.
        lazy: rows outside a batch rest for good.
        scale: a parameter's own factor to the learning rate.
    """

    kind: int
    states: tuple[str | None, str | None, str | None]
    constants: Array
    initial: float = 0.0
    epsilon: float = 0.0
    decay: float = 0.0
    betas: tuple[float, float] | None = None
    lazy: bool = False
    scale: float = 1.0

    @property
    def coupled(self) -> bool:
        """Whether weight decay is part of the gradient, so that a resting row has one."""
        return bool(self.constants[4] > 0)

    @property
    def moves_at_rest(self) -> bool:
        """Whether a row without a gradient changes."""
        return not self.lazy and (self.coupled or self.kind not in (kernels.SGD, kernels.ADAGRAD))

    @property
    def limit(self) -> int:
        """Steps after which a resting row's moments move it no more."""
        p, q = float(self.constants[0]), float(self.constants[2])
        shrink = p / math.sqrt(q) if self.kind == kernels.ADAM and q > 0 else p
        if self.kind in (kernels.SGD, kernels.ADAGRAD) or shrink <= 0:
            return 0
        return math.ceil(math.log(_NEGLIGIBLE) / math.log(shrink)) if shrink < 1 else np.iinfo(np.int32).max

    def line(self, step: int, rate: float) -> tuple[float, float, float]:
        """What the kernels need of step `step` (from 1): rate, epsilon, and the share that weight decay takes."""
        rate *= self.scale
        if self.betas is None:
            return rate, self.epsilon, 0.0
        first, second = (1.0 - beta**step for beta in self.betas)
        # Algorithm 1 of Adam with both bias corrections drawn out of the quotient.
        return rate * math.sqrt(second) / first, self.epsilon * math.sqrt(second), rate * self.decay


def rule_for(optimizer: Any, weight: Any, sparse: bool = False) -> Rule:
    """The rule of `optimizer` for the parameter `weight`; lazy where its gradient is `sparse` only.

    Raises:
        NoRuleError: the optimizer is of another class, or an option of it is not known here.
    """
    make = _RULES.get(type(optimizer))
    if make is None:
        raise NoRuleError(type(optimizer).__name__)
    if optimizer._parameter_list and isinstance(optimizer._parameter_list[0], dict):
        raise NoRuleError("parameter groups")
    if str(weight.dtype).rpartition(".")[2].lower() not in ("float32",):
        raise NoRuleError(f"weights of {weight.dtype}")
    attributes = getattr(weight, "optimize_attr", None) or {}
    scale = _number(attributes.get("learning_rate", 1.0))
    rule = make(optimizer, weight, _coupled(optimizer, weight), scale)
    return replace(rule, lazy=rule.lazy and sparse)


def learning_rate(optimizer: Any) -> float:
    """An optimizer's learning rate for the step to come."""
    rate = optimizer._learning_rate
    return float(rate() if isinstance(rate, paddle.optimizer.lr.LRScheduler) else rate)


def _coupled(optimizer: Any, weight: Any) -> float:
    """L2's coefficient: the parameter's own, or the optimizer's."""
    rule = getattr(weight, "regularizer", None) or optimizer.regularization
    if rule is None:  # Momentum keeps it elsewhere
        fused = isinstance(optimizer, paddle.optimizer.Momentum) and optimizer._regularization_method == "l2_decay"
        return _number(optimizer._regularization_coeff) if fused else 0.0
    if not isinstance(rule, paddle.regularizer.L2Decay):
        raise NoRuleError(type(rule).__name__)
    return _number(rule._coeff)


def _number(value: Any) -> float:
    if not isinstance(value, int | float):
        raise NoRuleError("an option that is a variable")
    return float(value)


def _constants(p: float = 0.0, q: float = 0.0, coupled: float = 0.0, flag: bool = False) -> Array:
    return np.array([p, 1 - p, q, 1 - q, coupled, flag], np.float32)


def _sgd(optimizer: Any, weight: Any, coupled: float, scale: float) -> Rule:
    return Rule(kernels.SGD, (None, None, None), _constants(coupled=coupled), scale=scale)


def _momentum(optimizer: Any, weight: Any, coupled: float, scale: float) -> Rule:
    if optimizer._rescale_grad != 1.0:
        raise NoRuleError("rescale_grad")
    constants = _constants(_number(optimizer._momentum), 0.0, coupled, optimizer._use_nesterov)
    return Rule(kernels.MOMENTUM, ("velocity_0", None, None), constants, scale=scale)


def _adagrad(optimizer: Any, weight: Any, coupled: float, scale: float) -> Rule:
    initial = _number(optimizer.initial_accumulator_value)
    epsilon = _number(optimizer._epsilon)
    states = ("moment_0", None, None)
    return Rule(kernels.ADAGRAD, states, _constants(coupled=coupled), initial, epsilon, scale=scale)


def _rmsprop(optimizer: Any, weight: Any, coupled: float, scale: float) -> Rule:
    constants = _constants(_number(optimizer._momentum), _number(optimizer._rho), coupled, optimizer._centered)
    states = ("momentum_0", "mean_square_0", "mean_grad_0")
    return Rule(kernels.RMSPROP, states, constants, epsilon=_number(optimizer._epsilon), scale=scale)


def _adam(optimizer: Any, weight: Any, coupled: float, scale: float) -> Rule:
    if optimizer._amsgrad:
        raise NoRuleError("amsgrad")
    betas = (_number(optimizer._beta1), _number(optimizer._beta2))
    return Rule(
        kernels.ADAM, ("moment1_0", "moment2_0", None), _constants(*betas, coupled),
        epsilon=_number(optimizer._epsilon), betas=betas, lazy=bool(optimizer._lazy_mode), scale=scale,
    )  # fmt: skip


def _adamw(optimizer: Any, weight: Any, coupled: float, scale: float) -> Rule:
    chosen = optimizer._apply_decay_param_fun
    decay = 0.0 if chosen is not None and not chosen(weight.name) else _number(optimizer._weight_decay)
    if optimizer._lr_ratio is not None:
        scale *= _number(optimizer._lr_ratio(weight))
    rule = _adam(optimizer, weight, 0.0, scale)
    return replace(rule, decay=decay)


_RULES = {
    paddle.optimizer.SGD: _sgd,
    paddle.optimizer.Momentum: _momentum,
    paddle.optimizer.Adagrad: _adagrad,
    paddle.optimizer.RMSProp: _rmsprop,
    paddle.optimizer.Adam: _adam,
    paddle.optimizer.AdamW: _adamw,
}
