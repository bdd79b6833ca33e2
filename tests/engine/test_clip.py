"""Clipped gradients, against NumPy."""

import numpy as np
import paddle
import pytest

from rec.engine.clip import Clip

GRADIENTS = [np.array([[3.0, -4.0]], np.float32), np.array([12.0], np.float32)]


@pytest.mark.parametrize("wrapped", [False, True], ids=["arrays", "tensors"])
def test_by_value_and_then_by_norm(wrapped):
    given = [paddle.to_tensor(each) if wrapped else each for each in GRADIENTS]

    def of(**section):
        clip = Clip.of(section)
        assert clip is not None
        return [np.asarray(each) for each in clip(given)]

    short = of(clip_norm=6.5)  # the norm is 13
    assert short[0] == pytest.approx(GRADIENTS[0] / 2)
    assert short[1] == pytest.approx(GRADIENTS[1] / 2)
    assert of(clip_norm=13.5)[0].tolist() == GRADIENTS[0].tolist()
    assert [each.tolist() for each in of(clip_value=3.5)] == [[[3.0, -3.5]], [3.5]]
    norm = np.sqrt(9 + 2 * 3.5**2)
    assert of(clip_value=3.5, clip_norm=1.0)[1] == pytest.approx(3.5 / norm)
    assert GRADIENTS[1].tolist() == [12.0]


def test_none():
    assert Clip.of({"learning_rate": 1}) is None
