"""Inner loops of `rec.optimize.rows`: Paddle's optimizers on some rows of a table, as dense optimizers move them.

A dense optimizer moves every row in every step, also one whose gradient is zero. Here a row that rests is left alone
and caught up when it is next needed. `weight` float32 [V, D] and a rule's states `a`, `b`, `c`, each [V, D] (an unused
one [1, D]); `last` int32 [V]: the step up to which a row has been moved; `table` float32 [T, 3], a line per step: its
rate, its epsilon and the share of a weight that decoupled weight decay takes; `k` float32 [6]: p, 1 - p, q, 1 - q (the
decay rates of the first and second state), coupled weight decay, and 1 for Nesterov's momentum or a centred RMSProp.
"""

import numba
import numpy as np

SGD, MOMENTUM, ADAGRAD, RMSPROP, ADAM = range(5)


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _step(kind, w, a, b, c, g, line, k):
    """One step of one row, gradient g; w and the states [D] are moved in place."""
    rate, small, drop = line[0], line[1], line[2]
    p, p1, q, q1, decay, flag = k[0], k[1], k[2], k[3], k[4], k[5]
    if kind == SGD:
        for d in range(len(w)):
            w[d] -= rate * (g[d] + decay * w[d])
    elif kind == MOMENTUM:
        for d in range(len(w)):
            x = g[d] + decay * w[d]
            a[d] = p * a[d] + x
            w[d] -= rate * (x + p * a[d] if flag > 0 else a[d])
    elif kind == ADAGRAD:
        for d in range(len(w)):
            x = g[d] + decay * w[d]
            a[d] += x * x
            w[d] -= rate * x / (np.sqrt(a[d]) + small)
    elif kind == RMSPROP:
        for d in range(len(w)):
            x = g[d] + decay * w[d]
            b[d] = q * b[d] + q1 * x * x
            spread = b[d] + small
            if flag > 0:
                c[d] = q * c[d] + q1 * x
                spread -= c[d] * c[d]
            a[d] = p * a[d] + rate * x / np.sqrt(spread)
            w[d] -= a[d]
    else:
        for d in range(len(w)):
            x = g[d] + decay * w[d]
            a[d] = p * a[d] + p1 * x
            b[d] = q * b[d] + q1 * x * x
            w[d] -= drop * w[d] + rate * a[d] / (np.sqrt(b[d]) + small)


@numba.njit(nogil=True, cache=True, error_model="numpy")
def update(kind, weight, a, b, c, rows, gradient, line, k):
    """Move `rows` int64 [N] by one step, gradient float32 [N, D]."""
    for n in range(len(rows)):
        r = rows[n]
        _step(kind, weight[r], a[r % len(a)], b[r % len(b)], c[r % len(c)], gradient[n], line, k)


@numba.njit(nogil=True, cache=True, error_model="numpy")
def catch_up(kind, weight, a, b, c, last, rows, now, limit, table, kept, k):
    """Move `rows` int64 [N] by the steps up to `now` that they rested in, in which their gradient was zero.

    Without coupled weight decay a row moves by what is left of its moments only, which is nothing after `limit` steps.
    `kept` float64 [T]: logarithm of the product of what decoupled weight decay has left up to a step.
    """
    still = np.zeros(weight.shape[1], np.float32)
    root = np.empty(weight.shape[1], np.float32)
    for n in range(len(rows)):
        r = rows[n]
        begin, last[r] = last[r], now
        if begin >= now:
            continue
        w, m, v, u = weight[r], a[r % len(a)], b[r % len(b)], c[r % len(c)]
        if k[4] > 0.0:
            for t in range(begin + 1, now + 1):
                _step(kind, w, m, v, u, still, table[t], k)
            continue
        steps = min(now - begin, limit)
        moving = False
        for d in range(len(m)):
            moving |= m[d] != 0.0
        if not moving:
            steps = 0
        if kind == ADAM:
            _rest_adam(w, m, v, root, begin, steps, table, k)
        elif kind == MOMENTUM:
            share = k[0] if k[5] > 0 else np.float32(1.0)
            for t in range(begin + 1, begin + steps + 1):
                for d in range(len(w)):
                    m[d] *= k[0]
                    w[d] -= table[t, 0] * share * m[d]
        else:
            for _ in range(steps):
                for d in range(len(w)):
                    m[d] *= k[0]
                    w[d] -= m[d]
        _fade(m, np.float64(k[0]), now - begin - steps)
        if kind != MOMENTUM:
            _fade(v, np.float64(k[2]), now - begin)
            _fade(u, np.float64(k[2]), now - begin)
        rest = kept[now] - kept[begin + steps]
        if rest != 0.0:
            left = np.float32(np.exp(rest))
            for d in range(len(w)):
                w[d] *= left


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _rest_adam(w, m, v, root, begin, steps, table, k):
    """The weights' and the first moment's part of Adam's steps without a gradient."""
    shrink = np.float32(np.sqrt(np.float64(k[2])))
    for d in range(len(v)):
        root[d] = np.sqrt(v[d])
    for t in range(begin + 1, begin + steps + 1):
        rate, small, drop = table[t, 0], table[t, 1], table[t, 2]
        for d in range(len(w)):
            m[d] *= k[0]
            root[d] *= shrink
            w[d] -= drop * w[d] + rate * m[d] / (root[d] + small)


@numba.njit(nogil=True, cache=True)
def _fade(state, share, steps):
    """state *= share^steps."""
    if steps > 0:
        left = np.float32(share**steps)
        for d in range(len(state)):
            state[d] *= left
