"""A network's training step in dynamic graph and as a program, without table and tools."""

from collections.abc import Callable
from typing import Any

import numpy as np
import paddle

from rec.contract.native import losses_by_name, predict, probabilities
from rec.nn.features import Features

Arrays = dict[str, Any]

ALIVE: list[Any] = []
"""Programs: Paddle aborts when one goes while a variable of it is still there."""


def weights_of(net: Any) -> Arrays:
    return {name: value.numpy() for name, value in net.state_dict().items()}


def dynamic(net: Any, vectors: Any, labels: Arrays, seed: int = 0, on_host: bool = False) -> Arrays:
    """Losses, predictions and gradients by name; `vectors` is the gradient of the input.

    `on_host`: towers may be computed by `rec.nn.towers`.
    """
    paddle.seed(seed)
    x = paddle.to_tensor(vectors, stop_gradient=False)
    features, given = Features([x], [None], on_host), {name: paddle.to_tensor(label) for name, label in labels.items()}
    outputs = predict(net, features, given)
    losses = losses_by_name(net, outputs, given, features)
    losses["loss"].backward()
    found = {**losses, **probabilities(outputs), "vectors": x.grad}
    found |= {f"d {name}": p.grad for name, p in net.named_parameters() if p.grad is not None}
    return {name: value.numpy() for name, value in found.items()}


def static(
    build: Callable[[], Any], weights: Arrays, vectors: Any, labels: Arrays, seed: int = 0, on_host: bool = False
) -> Arrays:
    """The same as a PIR program, of a network that starts with `weights`."""
    paddle.enable_static()
    try:
        program, startup, scope = paddle.static.Program(), paddle.static.Program(), paddle.static.Scope()
        with paddle.utils.unique_name.guard(), paddle.static.program_guard(program, startup):
            net = build()
            x = paddle.static.data("x", [-1, vectors.shape[1]], "float32")
            x.stop_gradient = False
            given = {name: paddle.static.data(name, [-1, 1], "float32") for name in labels}
            features = Features([x], [None], on_host)
            outputs = predict(net, features, given)
            losses = losses_by_name(net, outputs, given, features)
            named = list(net.named_parameters())
            fetched = {**losses, **probabilities(outputs)}
            gradients = paddle.static.gradients([losses["loss"]], [x, *(p for _, p in named)])
        fetched["vectors"] = gradients[0]
        pairs = zip(named, gradients[1:], strict=True)
        fetched |= {f"d {name}": gradient for (name, _), gradient in pairs if gradient is not None}
        ALIVE.append((program, startup))
        executor = paddle.static.Executor()
        with paddle.static.scope_guard(scope):
            executor.run(startup)
            for name, variable in net.state_dict().items():
                scope.find_var(variable.name).get_tensor().set(weights[name], paddle.CPUPlace())
            paddle.seed(seed)
            values = executor.run(program, feed={"x": vectors, **labels}, fetch_list=list(fetched.values()))
    finally:
        paddle.disable_static()
    return {name: np.asarray(value) for name, value in zip(fetched, values, strict=True)}
