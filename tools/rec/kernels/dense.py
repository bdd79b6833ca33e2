"""Inner loops between the matrix products of a stack of dense layers, in place on [B, H] float32 arrays.

Each is one pass over memory where Paddle's operators take several; `rows` int [B] is the shared row of each impression.
"""

import numba
import numpy as np


@numba.njit(nogil=True, cache=True)
def add_rows(h, shared, rows):
    """h[b] += shared[rows[b]]."""
    for b in range(h.shape[0]):
        source = shared[rows[b]]
        for j in range(h.shape[1]):
            h[b, j] += source[j]


@numba.njit(nogil=True, cache=True)
def sum_rows(gradient, rows, out):
    """The gradient of `add_rows` for `shared`: out [R, H] becomes the sum of gradient[b] of each row's impressions."""
    out[:] = 0.0
    for b in range(gradient.shape[0]):
        target = out[rows[b]]
        for j in range(gradient.shape[1]):
            target[j] += gradient[b, j]


@numba.njit(nogil=True, cache=True)
def bias_relu(h, bias):
    """h = relu(h + bias), bias [1, H]."""
    row = bias[0]
    for b in range(h.shape[0]):
        for j in range(h.shape[1]):
            h[b, j] = max(h[b, j] + row[j], np.float32(0.0))


@numba.njit(nogil=True, cache=True)
def relu_backward(gradient, h, bias_gradient):
    """Zero `gradient` where relu gave h = 0; bias_gradient [1, H] becomes its column sums."""
    total = bias_gradient[0]
    total[:] = 0.0
    for b in range(h.shape[0]):
        for j in range(h.shape[1]):
            g = gradient[b, j] if h[b, j] > 0.0 else np.float32(0.0)
            gradient[b, j] = g
            total[j] += g
