"""Dense parameters moved on the host: as Paddle's own optimizer moves them."""

import numpy as np
import paddle
import pytest

from rec.contract.native import DENSE_OPTIMIZERS
from rec.engine.optimizers import Optimizers


class Net(paddle.nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = paddle.nn.Linear(7, 5), paddle.nn.Linear(5, 1)
        self.idle = paddle.nn.Linear(3, 2)  # has no gradient
        self.frozen = paddle.nn.Linear(3, 2)
        for parameter in self.frozen.parameters():
            parameter.stop_gradient = True

    def loss(self, x):
        return (self.second(paddle.tanh(self.first(x))) ** 2).mean()


SETTINGS = {
    "Momentum": {"momentum": 0.8, "use_nesterov": True},
    "AdamW": {"weight_decay": 0.1},
    "Adam": {"weight_decay": 0.01, "beta1": 0.8},
    "RMSProp": {"momentum": 0.5, "centered": True},
}


def trained(name: str, on_host: bool, steps: int = 30):
    with paddle.utils.unique_name.guard():
        paddle.seed(3)
        net = Net()
        made = DENSE_OPTIMIZERS[name](0.01, parameters=net.parameters(), **SETTINGS.get(name, {}))
    optimizers = Optimizers(made, net, rows=False, on_host=on_host)
    random = np.random.default_rng(1)
    for _ in range(steps):
        optimizers.begin()
        net.loss(paddle.to_tensor(random.normal(size=(9, 7)).astype("float32"))).backward()
        optimizers.gather()
        optimizers.step()
    names = {key: value.name for key, value in net.state_dict().items()}
    return net, optimizers, names


@pytest.mark.parametrize("name", DENSE_OPTIMIZERS)
def test_it_is_paddles_optimizer(name):
    found = [trained(name, on_host) for on_host in (False, True)]
    (paddles, theirs, names), (own, ours, _) = found
    for key, value in paddles.state_dict().items():
        assert own.state_dict()[key].numpy() == pytest.approx(value.numpy(), rel=1e-4, abs=1e-6), key
    states, own_states = theirs.state(names)[0], ours.state(names)[0]
    moved = {key for key in states if not key.startswith(("idle", "frozen"))}
    assert moved == {key for key in own_states if not key.startswith(("idle", "frozen"))}
    for key in moved:
        assert own_states[key].shape == states[key].shape, key
        assert own_states[key] == pytest.approx(states[key], rel=1e-3, abs=1e-6), key


@pytest.mark.parametrize("name", DENSE_OPTIMIZERS)
def test_it_goes_on_from_paddles_state(name):
    """A checkpoint of a run that Paddle's optimizer moved: both go on alike."""
    nets = []
    for on_host in (False, True):
        first, theirs, names = trained(name, False, 10)
        net, ours, _ = trained(name, on_host, 0)
        net.set_state_dict(first.state_dict())
        ours.load(*theirs.state(names), names)
        ours.begin()
        net.loss(paddle.ones([2, 7])).backward()
        ours.gather()
        ours.step()
        nets.append(net.state_dict())
    for key, value in nets[0].items():
        assert nets[1][key].numpy() == pytest.approx(value.numpy(), rel=1e-5, abs=1e-7), key
