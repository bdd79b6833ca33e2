import paddle
import paddle.nn as nn
import paddle.nn.functional as F


class CounterfactualLayer(nn.Layer):
    """Propensity of being treated, and the outcome weighted by its inverse."""

    def __init__(self, size, mode):
        super().__init__()
        assert mode in ("IPW", "DR")
        self.mode = mode
        self.user, self.item = nn.Embedding(size, 4), nn.Embedding(size, 4)
        self.propensity, self.outcome, self.imputed = nn.Linear(8, 1), nn.Linear(8, 1), nn.Linear(8, 1)

    def forward(self, user, item):
        x = paddle.concat([self.user(user), self.item(item)], -1)
        return F.sigmoid(self.propensity(x)), F.sigmoid(self.outcome(x)), F.softplus(self.imputed(x))
