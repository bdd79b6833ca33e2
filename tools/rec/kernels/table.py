"""Inner loops of `rec.table`: pooling of a batch's rows, the gradient of that, and row-wise optimizers.

Shapes: N distinct rows of width D; T tokens in R * F bags; `weights` float32 [T], or empty for all ones.
Every optimizer visits the batch's rows only; `rows` int64 [N] are their numbers in the table.
"""

import numba
import numpy as np


@numba.njit(nogil=True, cache=True)
def pool(values, positions, offsets, weights, out):
    """out [R * F, D]: bag b is the (weighted) sum of values[positions[t]] over its tokens t; an empty bag is zero."""
    weighted = len(weights) > 0
    for bag in range(len(offsets) - 1):
        row = out[bag]
        row[:] = 0.0
        for t in range(offsets[bag], offsets[bag + 1]):
            value = values[positions[t]]
            if weighted:
                for d in range(len(row)):
                    row[d] += weights[t] * value[d]
            else:
                for d in range(len(row)):
                    row[d] += value[d]


@numba.njit(nogil=True, cache=True)
def unpool(gradient, positions, offsets, weights, out):
    """Adds to out [N, D] the gradient of `pool`, from the bags' gradient [R * F, D]."""
    weighted = len(weights) > 0
    for bag in range(len(offsets) - 1):
        row = gradient[bag]
        for t in range(offsets[bag], offsets[bag + 1]):
            target = out[positions[t]]
            if weighted:
                for d in range(len(row)):
                    target[d] += weights[t] * row[d]
            else:
                for d in range(len(row)):
                    target[d] += row[d]


@numba.njit(nogil=True, cache=True)
def put(values, place, out):
    """out[place[n]] = values[n], for values [n, D] and places that differ."""
    for n in range(len(place)):
        row = out[place[n]]
        for d in range(len(row)):
            row[d] = values[n, d]


@numba.njit(nogil=True, cache=True)
def add(values, place, out):
    """out[place[n]] += values[n]."""
    for n in range(len(place)):
        row = out[place[n]]
        for d in range(len(row)):
            row[d] += values[n, d]


@numba.njit(nogil=True, cache=True)
def sgd(table, rows, gradient, rate):
    """w -= rate * g."""
    for n in range(len(rows)):
        row = table[rows[n]]
        for d in range(len(row)):
            row[d] -= rate * gradient[n, d]


@numba.njit(nogil=True, cache=True)
def adagrad(table, squares, rows, gradient, rate, epsilon):
    """s += g^2; w -= rate * g / (sqrt(s) + epsilon)."""
    for n in range(len(rows)):
        row, square = table[rows[n]], squares[rows[n]]
        for d in range(len(row)):
            g = gradient[n, d]
            square[d] += g * g
            row[d] -= rate * g / (np.sqrt(square[d]) + epsilon)


@numba.njit(nogil=True, cache=True, error_model="numpy")
def adam(table, first, second, steps, rows, gradient, rate, beta1, beta2, epsilon, corrections):
    """Adam on rows; `steps` int32 counts each row's own updates, so that its bias correction starts at its first.

    `corrections` float32 [2, S]: 1 / (1 - beta1^t) and 1 / (1 - beta2^t) for t updates; from S - 1 on they are 1.
    """
    keep1, keep2 = np.float32(beta1), np.float32(beta2)
    take1, take2 = np.float32(1.0 - beta1), np.float32(1.0 - beta2)
    step, small = np.float32(rate), np.float32(epsilon)
    last = corrections.shape[1] - 1
    for n in range(len(rows)):
        r = rows[n]
        steps[r] += 1
        count = min(steps[r], last)
        correct1, correct2 = corrections[0, count], corrections[1, count]
        row, m, v = table[r], first[r], second[r]
        for d in range(len(row)):
            g = gradient[n, d]
            moment1 = keep1 * m[d] + take1 * g
            moment2 = keep2 * v[d] + take2 * g * g
            m[d], v[d] = moment1, moment2
            row[d] -= step * (moment1 * correct1) / (np.sqrt(moment2 * correct2) + small)
