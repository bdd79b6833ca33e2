"""The dynamic model, in PaddleRec's contract."""

import net
import paddle
import paddle.nn.functional as F


class DygraphModel:
    def create_model(self, config):
        hyper = "hyper_parameters."
        return net.Ranker(config.get(f"{hyper}kind"), config.get(f"{hyper}sparse_feature_number"),
                          config.get(f"{hyper}sparse_feature_dim"), config.get(f"{hyper}sparse"))  # fmt: skip

    def create_optimizer(self, dy_model, config):
        return paddle.optimizer.Adam(learning_rate=0.001, parameters=dy_model.parameters())

    def create_metrics(self):
        return [paddle.metric.Auc("ROC")], ["auc"]

    def forward(self, dy_model, metrics, batch):
        label, *ids, dense = batch
        predicted = dy_model.forward(ids, dense)
        both = paddle.concat([1 - predicted, predicted], axis=1)
        metrics[0].update(preds=both.numpy(), labels=label.numpy())
        return predicted, paddle.cast(label, "float32")

    def train_forward(self, dy_model, metrics, batch, config):
        predicted, label = self.forward(dy_model, metrics, batch)
        loss = paddle.mean(F.log_loss(predicted, label))
        return loss, metrics, {"loss": loss}

    def infer_forward(self, dy_model, metrics, batch, config):
        self.forward(dy_model, metrics, batch)
        return metrics, None
