import paddle
import paddle.nn.functional as F


class StaticModel:
    def __init__(self, config):
        self.config = config
        self.rows = config.get("hyper_parameters.sparse_feature_number")

    def create_feeds(self, is_infer=False):
        slots = [paddle.static.data(name, [None, 1], "int64", lod_level=1) for name in ("user", "item")]
        return [*slots, paddle.static.data("label", [None, 1], "int64")]

    def tower(self, slots, is_infer):
        from net import TowerLayer  # late

        vectors = [
            paddle.static.nn.embedding(
                input=slot,
                size=[self.rows, 4],
                is_sparse=True,
                padding_idx=0,
                param_attr=paddle.ParamAttr(name="shared_emb"),
            )
            for slot in slots
        ]
        joined = paddle.flatten(paddle.concat(vectors, axis=1), 1)
        joined = paddle.static.nn.layer_norm(paddle.static.nn.batch_norm(joined, is_test=is_infer))
        first, second = TowerLayer(8), TowerLayer(8)
        return F.sigmoid(first(F.dropout(joined, 0.1, training=not is_infer)) + second(joined))

    def net(self, inputs, is_infer=False):
        *slots, label = inputs
        predict = self.tower(slots, is_infer)
        two = paddle.concat([1 - predict, predict], axis=1)
        auc, batch_auc, _ = paddle.static.auc(input=two, label=label)
        if is_infer:
            return {"auc": auc}
        seen = paddle.static.create_global_var(shape=[1], value=7.0, dtype="float32", persistable=True, name="seen")
        self._cost = paddle.mean(F.log_loss(predict, paddle.cast(label, "float32")))
        return {"cost": self._cost, "auc": auc, "seen": seen}

    def create_optimizer(self, strategy=None):
        optimizer = paddle.optimizer.Adam(
            learning_rate=paddle.optimizer.lr.ExponentialDecay(0.02, gamma=0.9),
            grad_clip=paddle.nn.ClipGradByGlobalNorm(5.0),
        )
        optimizer.minimize(self._cost)

    def infer_net(self, inputs):
        return self.net(inputs, is_infer=True)
