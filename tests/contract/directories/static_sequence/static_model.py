import paddle
import paddle.nn.functional as F
from net import HistoryLayer


class StaticModel:
    def __init__(self, config):
        self.config = config

    def create_feeds(self, is_infer=False):
        history = paddle.static.data("history", [None, 4], "int64")
        mask = paddle.static.data("mask", [None, 4], "float32")
        item = paddle.static.data("item", [None], "int64")
        feeds = [history, mask, item]
        return feeds if is_infer else [*feeds, paddle.static.data("label", [None, 1], "int64")]

    def net(self, inputs, is_infer=False):
        raw = HistoryLayer(self.config.get("hyper_parameters.sparse_feature_number"), 4)(*inputs[:3])
        label = paddle.cast(inputs[3], "float32")
        self._cost = F.binary_cross_entropy_with_logits(raw, label)
        return {"cost": self._cost}

    def create_optimizer(self, strategy=None):
        paddle.optimizer.Adam(self.config.get("hyper_parameters.optimizer.learning_rate")).minimize(self._cost)

    def infer_net(self, inputs):
        raw = HistoryLayer(self.config.get("hyper_parameters.sparse_feature_number"), 4)(*inputs)
        return {"probability": F.sigmoid(raw), "mean_probability": paddle.mean(F.sigmoid(raw))}
