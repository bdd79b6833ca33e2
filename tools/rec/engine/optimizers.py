"""The optimizers of a network in dynamic graph: one, or as many as a PaddleRec model makes, and rows beside them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import paddle

from rec.device import to_array
from rec.engine.match import by_structure, by_variable
from rec.engine.schedule import Schedule
from rec.errors import UserError
from rec.numeric import Array
from rec.optimize.host import HostOptimizer
from rec.optimize.layers import SparseLayers
from rec.optimize.memory import of_tensor


class Optimizers:
    """What moves a network's parameters.

    Args:
        made: what a model's `create_optimizer` returned: an optimizer of Paddle, or a list or tuple of them.
        net: the network.
        rows: whether embeddings with `sparse=True` are moved by rows.
        on_host: whether `made` only says how parameters move, and the host moves them: all are on the CPU then.

    Raises:
        UserError: it is something else, or two of them move one parameter.
    """

    def __init__(self, made: Any, net: Any, rows: bool, on_host: bool = False) -> None:
        self._all = list(made) if isinstance(made, list | tuple) else [made]
        if not self._all or not all(isinstance(each, paddle.optimizer.Optimizer) for each in self._all):
            found = ", ".join(type(each).__name__ for each in self._all) or "nothing"
            raise UserError(
                f"create_optimizer returned {found}; expected an optimizer of paddle.optimizer, or a list of them"
            )
        counts = Counter(name for each in self._all for name in _parameters(each))
        twice = [name for name, count in counts.items() if count > 1]
        if twice:
            raise UserError(f"create_optimizer: two optimizers move parameter {twice[0]}; give each its own")
        self._net = net
        self.sparse = SparseLayers(net if rows else paddle.nn.LayerList(), self._all)
        self._host: HostOptimizer | None = None
        if on_host:
            parameters = {p.name: p for p in net.parameters()}
            self._host = HostOptimizer(made, list(parameters.values()), lambda name: of_tensor(parameters[name]))
            self._parameters = list(parameters.values())
        self._schedules = [Schedule(each._learning_rate) for each in self._all]

    @property
    def rule(self) -> str:
        """Their class names."""
        return ", ".join(type(each).__name__ for each in self._all)

    def begin(self) -> None:
        """Before the forward pass of a training step."""
        self.sparse.begin()

    def gather(self) -> None:
        """After the backward pass: every parameter's gradient is there, rows' too."""
        self.sparse.gather()

    def step(self, gradients: Mapping[str, Any] | None = None) -> None:
        """Move the parameters by the gradients gathered, or by others in their place, and forget those."""
        if self._host is not None:
            self._move_on_host(self.own_gradients() if gradients is None else gradients)
            return
        for parameter in self._net.parameters() if gradients else ():
            if parameter.name in (gradients or {}):
                parameter.grad.set_value(gradients[parameter.name])  # type: ignore[index]
        # Accumulators are made, and named, in the first step: their names must not depend on this process's history.
        with paddle.utils.unique_name.guard():
            for each in self._all:
                self.sparse.step(each)
        for each in self._all:
            each.clear_grad()
        for schedule in self._schedules:
            schedule.after_step()

    def forget(self) -> None:
        """Leave the gradients of this step to whom they were given."""
        for parameter in self._net.parameters():
            parameter.clear_gradient(False)

    def set_rate(self, rate: float) -> None:
        """Let steps from now on have this learning rate."""
        for each in self._all:
            each.set_lr(rate)

    def own_gradients(self) -> dict[str, Any]:
        """Gradients by the parameter's name: arrays where the host moves them, else tensors."""
        found = {p.name: p.grad for p in self._net.parameters()}
        on_host = self._host is not None
        return {name: to_array(each) if on_host else each for name, each in found.items() if each is not None}

    def _move_on_host(self, gradients: Mapping[str, Array]) -> None:
        assert self._host is not None
        self._host.step(gradients)
        self.forget()

    def gradients(self) -> Iterator[tuple[str, Any]]:
        """Name and gradient, tensor or array or None, of every parameter that is trained, after `gather`."""
        for name, parameter in self._net.named_parameters():
            if not parameter.stop_gradient:
                yield name, self.sparse.gradient(parameter)

    def state(self, names: Mapping[str, str]) -> tuple[dict[str, Array], dict[str, Any]]:
        """Accumulators by checkpoint name, and the schedules' state; `names` maps those of weights to Paddle's."""
        saved: dict[str, Array] = {}
        schedules: dict[str, Any] = {}
        for number, each in enumerate(self._all):
            own = dict(each.state_dict())
            schedule = own.pop("LR_Scheduler", None)
            if schedule:
                schedules[str(number)] = schedule
            saved |= {name: value.numpy() for name, value in own.items() if hasattr(value, "numpy")}
        saved |= self.sparse.states() if self._host is None else self._host.states()
        alone = schedules.get("0", {}) if len(self._all) == 1 else schedules
        return by_structure(saved, names), alone

    def load(self, saved: Mapping[str, Array], schedules: Mapping[str, Any], names: Mapping[str, str]) -> None:
        """Take over what `state` gave."""
        arrays = by_variable(saved, names)
        if self._host is not None:
            self._host.take(arrays)
            return
        dense = {name: paddle.to_tensor(value) for name, value in self.sparse.take(arrays).items()}
        for number, each in enumerate(self._all):
            own: dict[str, Any] = dict(dense)
            schedule = schedules if len(self._all) == 1 else schedules.get(str(number))
            if schedule:
                own["LR_Scheduler"] = schedule
            if own:
                each.set_state_dict(own)


def _parameters(optimizer: Any) -> list[str]:
    groups = optimizer._parameter_list or []
    return [p.name for group in groups for p in (group["params"] if isinstance(group, dict) else [group])]
