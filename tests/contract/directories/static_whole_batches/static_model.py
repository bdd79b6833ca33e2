import paddle
import paddle.nn as nn
import paddle.nn.functional as F


class StaticModel:
    def __init__(self, config):
        self.config = config

    def create_feeds(self, is_infer=False):
        ids = paddle.static.data("ids", [-1, 2], "int64")
        dense = paddle.static.data("dense", [-1, 1], "float32")
        label = paddle.static.data("label", [-1, 1], "float32")
        return [ids, dense, label]

    def net(self, inputs, is_infer=False):
        ids, dense, label = inputs
        rows = self.config.get("hyper_parameters.sparse_feature_number")
        first_order = nn.Embedding(rows, 1, sparse=True)
        predict = F.sigmoid(paddle.sum(first_order(ids), axis=1) + nn.Linear(1, 1)(dense))
        # One column of probabilities, and the label as the loss needs it.
        auc_out, *rest = paddle.static.auc(predict, paddle.cast(label, "int64"), slide_steps=0)
        if is_infer:
            return {"auc": auc_out}
        self._cost = paddle.mean(F.log_loss(predict, label))
        return {"loss": self._cost, "auc": auc_out}

    def create_optimizer(self, strategy=None):
        paddle.optimizer.Adam(self.config.get("hyper_parameters.optimizer.learning_rate")).minimize(self._cost)

    def infer_net(self, inputs):
        return self.net(inputs, is_infer=True)
