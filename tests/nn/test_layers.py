"""Features kept in blocks, and the layers on them."""

import numpy as np
import paddle

from rec.nn.features import Features
from rec.nn.layers import MLP, Linear

RANDOM = np.random.default_rng(0)


def tensor(*shape: int):
    return paddle.to_tensor(RANDOM.normal(size=shape).astype("float32"), stop_gradient=False)


def features() -> Features:
    """3 impressions: a block of 2 shared rows with 4 columns, and 2 columns of their own."""
    return Features([tensor(2, 4), tensor(3, 2)], [paddle.to_tensor([1, 0, 1], dtype="int32"), None])


def test_a_product_in_blocks_is_the_product_of_the_whole():
    x, weight = features(), tensor(6, 5)
    shared, own = (block.numpy() for block in x.blocks)
    whole = np.concatenate([shared[[1, 0, 1]], own], axis=1)
    np.testing.assert_allclose(x.dense().numpy(), whole)
    np.testing.assert_allclose(x.matmul(weight).numpy(), whole @ weight.numpy(), rtol=1e-5, atol=1e-6)
    assert x.width == 6


def test_its_gradients_are_those_of_the_whole():
    x, weight = features(), tensor(6, 5)
    seed = RANDOM.normal(size=(3, 5)).astype("float32")
    (x.matmul(weight) * paddle.to_tensor(seed)).sum().backward()
    by_impression = seed @ weight.numpy().T
    expected = np.stack([by_impression[1, :4], by_impression[0, :4] + by_impression[2, :4]])
    np.testing.assert_allclose(x.blocks[0].grad.numpy(), expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(x.blocks[1].grad.numpy(), by_impression[:, 4:], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(weight.grad.numpy(), x.dense().numpy().T @ seed, rtol=1e-5, atol=1e-6)


def test_spaces_take_turns_within_a_field():
    block = paddle.to_tensor(np.arange(12, dtype="float32").reshape(1, 12))
    first, second = Features([block], [None]).spaces(3, 3)
    assert first.dense().numpy().tolist() == [[0, 1, 2, 6, 7, 8]]
    assert second.dense().numpy().tolist() == [[3, 4, 5, 9, 10, 11]]


def test_linear_is_paddles_linear():
    ours, reference = Linear(6, 5), paddle.nn.Linear(6, 5)
    reference.weight.set_value(ours.weight)
    ours.bias.set_value(tensor(1, 5))
    reference.bias.set_value(ours.bias.reshape([5]))
    x = tensor(4, 6)
    np.testing.assert_allclose(ours(x).numpy(), reference(x).numpy(), rtol=1e-5, atol=1e-6)
    (ours(x) ** 2).sum().backward()
    (reference(x) ** 2).sum().backward()
    np.testing.assert_allclose(ours.bias.grad.numpy()[0], reference.bias.grad.numpy(), rtol=1e-4)
    np.testing.assert_allclose(ours.weight.grad.numpy(), reference.weight.grad.numpy(), rtol=1e-4)


def test_an_mlp_by_hand():
    net = MLP(2, [2])
    net.hidden[0].weight.set_value(paddle.to_tensor([[1.0, -1.0], [2.0, 1.0]]))
    net.hidden[0].bias.set_value(paddle.to_tensor([[0.5, -3.0]]))
    net.logit.weight.set_value(paddle.to_tensor([[2.0], [5.0]]))
    net.logit.bias.set_value(paddle.to_tensor([[-1.0]]))
    # hidden = relu([1 + 4 + .5, -1 + 2 - 3]) = [5.5, 0]; logit = 11 - 1
    assert net(paddle.to_tensor([[1.0, 2.0]])).item() == 10.0
