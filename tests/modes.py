"""A network's training step in dynamic graph and as a program, without table and tools."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import paddle

from rec.contract.native import losses_by_name, predict, probabilities
from rec.nn.features import Features, History

Arrays = dict[str, Any]

NOTHING: Mapping[str, Any] = MappingProxyType({})
LENGTH = 4
"""Of a history."""

ALIVE: list[Any] = []
"""Programs: Paddle aborts when one goes while a variable of it is still there."""


def weights_of(net: Any) -> Arrays:
    return {name: value.numpy() for name, value in net.state_dict().items()}


def features_of(given: Mapping[str, Any], on_host: bool, names: str = "") -> Features:
    """Features of tensors by name: `vectors` of the fields a, b, ... or `names`, a letter each; and, where they are
    there, `numbers` [B, N] and `history`, [B, L * D], of a field h whose `lengths` are [B]."""
    vectors, histories = given["vectors"], {}
    if "history" in given:
        wide = paddle.reshape(given["history"], [-1, LENGTH, given["history"].shape[1] // LENGTH])
        histories["h"] = History(wide, given["lengths"])
    more = [given["numbers"]] if "numbers" in given else []
    return Features([vectors], [None], on_host, more, histories, "abc" if histories else names)


def dynamic(
    net: Any,
    vectors: Any,
    labels: Arrays,
    seed: int = 0,
    on_host: bool = False,
    more: Mapping[str, Any] = NOTHING,
    names: str = "",
) -> Arrays:
    """Losses, predictions and gradients by name; `vectors` and `history` are the gradients of the inputs.

    Args:
        on_host: towers may be computed by `rec.nn.towers`.
        more, names: of `features_of`, besides the vectors.
    """
    paddle.seed(seed)
    tensors = {name: paddle.to_tensor(value) for name, value in {"vectors": vectors, **more}.items()}
    inputs = {name: tensors[name] for name in ("vectors", "history") if name in tensors}
    for x in inputs.values():
        x.stop_gradient = False
    features = features_of(tensors, on_host, names)
    given = {name: paddle.to_tensor(label) for name, label in labels.items()}
    outputs = predict(net, features, given)
    losses = losses_by_name(net, outputs, given, features)
    losses["loss"].backward()
    found = {**losses, **probabilities(outputs), **{name: x.grad for name, x in inputs.items()}}
    found |= {f"d {name}": p.grad for name, p in net.named_parameters() if p.grad is not None}
    return {name: value.numpy() for name, value in found.items()}


def static(
    build: Callable[[], Any],
    weights: Arrays,
    vectors: Any,
    labels: Arrays,
    seed: int = 0,
    on_host: bool = False,
    more: Mapping[str, Any] = NOTHING,
    names: str = "",
) -> Arrays:
    """The same as a PIR program, of a network that starts with `weights`."""
    paddle.enable_static()
    try:
        program, startup, scope = paddle.static.Program(), paddle.static.Program(), paddle.static.Scope()
        with paddle.utils.unique_name.guard(), paddle.static.program_guard(program, startup):
            net = build()
            arrays = {"vectors": vectors, **more}
            tensors = {
                name: paddle.static.data(name, [-1, *array.shape[1:]], array.dtype.name)
                for name, array in arrays.items()
            }
            inputs = {name: tensors[name] for name in ("vectors", "history") if name in tensors}
            for x in inputs.values():
                x.stop_gradient = False
            given = {name: paddle.static.data(name, [-1, 1], "float32") for name in labels}
            features = features_of(tensors, on_host, names)
            outputs = predict(net, features, given)
            losses = losses_by_name(net, outputs, given, features)
            named = list(net.named_parameters())
            fetched = {**losses, **probabilities(outputs)}
            gradients = paddle.static.gradients([losses["loss"]], [*inputs.values(), *(p for _, p in named)])
        fetched |= dict(zip(inputs, gradients, strict=False))
        pairs = zip(named, gradients[len(inputs) :], strict=True)
        fetched |= {f"d {name}": gradient for (name, _), gradient in pairs if gradient is not None}
        ALIVE.append((program, startup))
        # One operator after another, as `rec.pir.prepared` runs them: random layers draw in turn.
        paddle.set_flags({"FLAGS_new_executor_serial_run": True})
        executor = paddle.static.Executor()
        with paddle.static.scope_guard(scope):
            executor.run(startup)
            for name, variable in net.state_dict().items():
                scope.find_var(variable.name).get_tensor().set(weights[name], paddle.CPUPlace())
            paddle.seed(seed)
            values = executor.run(program, feed={**arrays, **labels}, fetch_list=list(fetched.values()))
    finally:
        paddle.disable_static()
    return {name: np.asarray(value) for name, value in zip(fetched, values, strict=True)}
