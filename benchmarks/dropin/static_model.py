"""The static model, in PaddleRec's contract."""

import net
import paddle
import paddle.nn.functional as F


class StaticModel:
    def __init__(self, config):
        self.config = config
        self._cost = None

    def create_feeds(self, is_infer=False):
        label = paddle.static.data("label", [None, 1], "int64")
        ids = [paddle.static.data(f"C{i}", [None, 1], "int64") for i in range(26)]
        return [label, *ids, paddle.static.data("dense", [None, 13], "float32")]

    def net(self, inputs, is_infer=False):
        label, *ids, dense = inputs
        get = self.config.get
        layer = net.Ranker(get("hyper_parameters.kind"), get("hyper_parameters.sparse_feature_number"),
                           get("hyper_parameters.sparse_feature_dim"), get("hyper_parameters.sparse"))  # fmt: skip
        predicted = layer.forward(ids, dense)
        both = paddle.concat([1 - predicted, predicted], axis=1)
        auc, *_ = paddle.static.auc(input=both, label=label, num_thresholds=2**12, slide_steps=20)
        if is_infer:
            return {"auc": auc}
        self._cost = paddle.mean(F.log_loss(predicted, paddle.cast(label, "float32")))
        return {"cost": self._cost, "auc": auc}

    def create_optimizer(self, strategy=None):
        paddle.optimizer.Adam(learning_rate=0.001).minimize(self._cost)

    def infer_net(self, inputs):
        return self.net(inputs, is_infer=True)
