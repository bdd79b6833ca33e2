import paddle
import paddle.nn.functional as F
from net import WideLayer


class StaticModel:
    def __init__(self, config):
        self.config = config

    def create_feeds(self, is_infer=False):
        return [paddle.static.data(name, [None, 1], "int64") for name in ("label", "user", "item")]

    def net(self, inputs, is_infer=False):
        label, *slots = inputs
        raw = WideLayer(self.config.get("hyper_parameters.sparse_feature_number"), 4)(slots)
        predict = F.softmax(raw)
        auc, _, _ = paddle.static.auc(predict, label)
        if is_infer:
            return {"auc": auc, "predict": predict[:, 1:]}
        self._cost = F.cross_entropy(raw, label).mean()
        return {"cost": self._cost, "auc": auc}

    def create_optimizer(self, strategy=None):
        paddle.optimizer.SGD(self.config.get("hyper_parameters.optimizer.learning_rate")).minimize(self._cost)

    def infer_net(self, inputs):
        return self.net(inputs, is_infer=True)
