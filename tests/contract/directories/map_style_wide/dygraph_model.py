import net
import paddle
import paddle.nn as nn


class DygraphModel():
    def create_model(self, config):
        return net.WideLayer(config["hyper_parameters.num_users"] + config["hyper_parameters.num_items"] + 1)

    def create_optimizer(self, dy_model, config):
        scheduler = paddle.optimizer.lr.PolynomialDecay(config["hyper_parameters.optimizer.learning_rate"], 100)
        return paddle.optimizer.Adam(
            learning_rate=scheduler, parameters=dy_model.parameters(), grad_clip=nn.ClipGradByGlobalNorm(5.0)
        )

    def create_metrics(self):
        return [paddle.metric.Auc("ROC")], ["auc"]

    def _forward(self, dy_model, metrics, batch):
        features, label = batch
        logit = dy_model(features)
        p = nn.functional.sigmoid(logit)
        metrics[0].update(preds=paddle.concat([1 - p, p], 1).numpy(), labels=label.numpy())
        return nn.functional.binary_cross_entropy_with_logits(logit, label)

    def train_forward(self, dy_model, metrics, batch, config):
        loss = self._forward(dy_model, metrics, batch)
        return loss, metrics, {"cost": loss, "note": "text", "scale": 2.5}

    def infer_forward(self, dy_model, metrics, batch, config):
        self._forward(dy_model, metrics, batch)
        return metrics, None
