import net
import paddle
import paddle.nn.functional as F


class StaticModel:
    def __init__(self, config):
        self.cost = None
        self.infer_target_var = None
        self.config = config
        self.sync_mode = config.get("runner.sync_mode")

    def create_feeds(self, is_infer=False):
        names = ["click", "buy", "user", "item"]
        return [paddle.static.data(name, [-1, 1], "int64", lod_level=0) for name in names]

    def net(self, inputs, is_infer=False):
        click, buy, *slots = inputs
        layer = net.TowersLayer(self.config.get("hyper_parameters.sparse_feature_number"), 4)
        ctr_out, ctr_out_one, ctcvr_prob_one, ctcvr_prob = layer.forward(slots)
        auc_ctr, batch_auc_ctr, auc_states_ctr = paddle.static.auc(input=ctr_out, label=click)
        auc_ctcvr, batch_auc_ctcvr, auc_states_ctcvr = paddle.static.auc(input=ctcvr_prob, label=buy)
        assert len(auc_states_ctr) == len(auc_states_ctcvr) == 4
        if is_infer:
            return {"auc_ctr": auc_ctr, "auc_ctcvr": auc_ctcvr}
        loss_ctr = F.log_loss(input=ctr_out_one, label=paddle.cast(click, dtype="float32"))
        loss_ctcvr = F.log_loss(input=ctcvr_prob_one, label=paddle.cast(buy, dtype="float32"))
        cost = paddle.add(x=loss_ctr, y=loss_ctcvr)
        self._cost = paddle.mean(x=cost)
        return {"cost": self._cost, "auc_ctr": auc_ctr, "auc_ctcvr": auc_ctcvr}

    def create_optimizer(self, strategy=None):
        optimizer = paddle.optimizer.Adam(learning_rate=0.02)
        optimizer.minimize(self._cost)

    def infer_net(self, input):
        return self.net(input, is_infer=True)
