"""Inner loops of losses and their gradients, one pass over the impressions of a batch."""

import numba
import numpy as np


@numba.njit(nogil=True, cache=True, error_model="numpy")
def log_loss(logit, label, among, gradient):
    """Sum of -y log p - (1 - y) log(1 - p), p the sigmoid of the logit, and over how many impressions it is.

    `logit`, `label`, `among` float32 [B]; those count whose label is not NaN and whose `among`, if not empty, is 1.
    `gradient` float32 [B] becomes p - y there, 0 elsewhere.
    """
    total, count = 0.0, 0
    for b in range(len(logit)):
        y = label[b]
        if np.isnan(y) or (len(among) > 0 and among[b] != 1.0):
            gradient[b] = 0.0
            continue
        x = np.float64(logit[b])
        # log(1 + e^x) = max(x, 0) + log(1 + e^-|x|): exact at both ends.
        e = np.exp(-abs(x))
        total += max(x, 0.0) - y * x + np.log1p(e)
        p = 1.0 / (1.0 + e) if x >= 0 else e / (1.0 + e)
        gradient[b] = p - y
        count += 1
    return total, count


@numba.njit(nogil=True, cache=True, error_model="numpy")
def chain(first, second, out, of_first, of_second):
    """Logit of p q from the logits of p and q, float32 [B] each, and its derivative by either.

    With a and b the negative logits, (1 - p q) / (p q) = e^a + e^b + e^(a + b), in which nothing cancels; the
    derivative by the first logit is (1 - p) / (1 - p q) = e^a (1 + e^b) / (e^a + e^b + e^(a + b)).
    """
    for i in range(len(first)):
        a, b = -np.float64(first[i]), -np.float64(second[i])
        top = max(a, b, a + b)
        x, y, both = np.exp(a - top), np.exp(b - top), np.exp(a + b - top)
        total = x + y + both
        out[i] = -(top + np.log(total))
        of_first[i] = (x + both) / total
        of_second[i] = (y + both) / total
