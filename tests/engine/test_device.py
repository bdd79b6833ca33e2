"""Arrays on their way into Paddle."""

import numpy as np
import paddle
import pytest

from rec.device import to_array, to_tensor

HOST = paddle.CPUPlace()


@pytest.mark.parametrize("dtype", [np.float32, np.int32, np.int64, np.bool_])
def test_a_tensor_never_shares_an_array_s_memory(dtype):
    """Paddle would free it under a lock that another thread may wait for with the interpreter's: both wait for ever."""
    array = np.array([[1, 0, 1], [0, 0, 1]], dtype)
    for given in (array, array[:, ::2], array.T):
        expected = given.copy()
        tensor = to_tensor(given, HOST)
        given[...] = 0
        assert tensor.numpy().tolist() == expected.tolist()
        assert tensor.numpy().dtype == dtype
        given[...] = expected


def test_an_array_is_the_tensor_s_memory():
    tensor = paddle.zeros([2])
    to_array(tensor)[1] = 3
    assert tensor.tolist() == [0, 3]
    assert to_tensor(tensor, HOST) is tensor
