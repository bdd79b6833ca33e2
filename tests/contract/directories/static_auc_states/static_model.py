import paddle
import paddle.nn.functional as F
from net import WideLayer


class StaticModel:
    def __init__(self, config):
        self.cost = None
        self.config = config
        self._init_hyper_parameters()

    def _init_hyper_parameters(self):
        self.rows = self.config.get("hyper_parameters.sparse_feature_number")
        self.dim = self.config.get("hyper_parameters.sparse_feature_dim")
        self.learning_rate = self.config.get("hyper_parameters.optimizer.learning_rate")

    def create_feeds(self, is_infer=False):
        label = paddle.static.data(name="label", shape=[None, 1], dtype="int64")
        slots = [paddle.static.data(name="C" + str(i), shape=[None, 1], dtype="int64") for i in range(1, 3)]
        return [label, *slots]

    def net(self, input, is_infer=False):
        self.label_input, self.slots = input[0], input[1:]
        raw = WideLayer(self.rows, self.dim).forward(self.slots)
        predict_2d = F.softmax(raw)
        self.predict = predict_2d
        auc, batch_auc, [batch_stat_pos, batch_stat_neg, stat_pos, stat_neg] = paddle.static.auc(
            input=predict_2d, label=self.label_input, num_thresholds=2**12, slide_steps=20
        )
        self.inference_target_var = auc
        if is_infer:
            return {"auc": auc, "predict": paddle.slice(predict_2d, [1], [1], [2]), "label": self.label_input}
        cost = F.cross_entropy(input=raw, label=self.label_input)
        avg_cost = paddle.mean(x=cost)
        self._cost = avg_cost
        return {"cost": avg_cost, "auc": auc, "batch_auc": batch_auc, "positives": paddle.sum(batch_stat_pos)}

    def create_optimizer(self, strategy=None):
        optimizer = paddle.optimizer.Adam(learning_rate=self.learning_rate, lazy_mode=True)
        if strategy is not None:
            import paddle.distributed.fleet as fleet

            optimizer = fleet.distributed_optimizer(optimizer, strategy)
        optimizer.minimize(self._cost)

    def infer_net(self, input):
        return self.net(input, is_infer=True)
