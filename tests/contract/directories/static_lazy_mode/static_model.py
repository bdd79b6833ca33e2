import paddle
import paddle.nn as nn
import paddle.nn.functional as F
from paddle.static import auc as running_auc


class StaticModel:
    def __init__(self, config):
        self.config = config

    def create_feeds(self, is_infer=False):
        label = paddle.static.data("click", [None, 1], "int64")
        return [label] + [paddle.static.data(f"slot_{i}", [None, 1], "int64") for i in range(4)]

    def net(self, inputs, is_infer=False):
        label, *slots = inputs
        rows = self.config.get("hyper_parameters.sparse_feature_number")
        embedding = nn.Embedding(rows, 4, sparse=True)
        crossed = nn.Embedding(50, 4, sparse=True)
        vectors = embedding(paddle.concat(slots, axis=1))
        cross = crossed((slots[0] * 7 + slots[1]) % 50)  # ids that the model computes
        hidden = paddle.flatten(paddle.concat([vectors, cross], axis=1), 1)
        raw = nn.Linear(20, 1)(hidden)
        predict = F.sigmoid(raw)
        auc, batch_auc, _ = running_auc(paddle.concat([1.0 - predict, predict], axis=1), label)
        percent = auc * 100
        if is_infer:
            return {"auc": auc, "percent": percent}
        self._cost = paddle.mean(F.binary_cross_entropy_with_logits(raw, paddle.cast(label, "float32")))
        return {"cost": self._cost, "auc": auc, "percent": percent}

    def create_optimizer(self, strategy=None):
        rate = self.config.get("hyper_parameters.optimizer.learning_rate", 0.001)
        paddle.optimizer.Adam(learning_rate=rate, lazy_mode=True).minimize(self._cost)

    def infer_net(self, inputs):
        return self.net(inputs, is_infer=True)
