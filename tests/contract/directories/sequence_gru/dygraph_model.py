import paddle
import paddle.nn.functional as F

from net import GRUAttention


class DygraphModel():
    def create_model(self, config):
        return GRUAttention(config.get("hyper_parameters.num_items"), config.get("hyper_parameters.dim"))

    def create_optimizer(self, dy_model, config):
        lr = config.get("hyper_parameters.optimizer.learning_rate", 0.001)
        return paddle.optimizer.Adam(parameters=dy_model.parameters(), learning_rate=lr, lazy_mode=True)

    def create_metrics(self):
        return [paddle.metric.Auc("ROC")], ["auc"]

    def train_forward(self, dy_model, metrics_list, batch_data, config):
        label, inputs = batch_data[0], batch_data[1:]
        raw = dy_model(*inputs)
        loss = F.binary_cross_entropy_with_logits(raw, label.astype("float32"))
        p = F.sigmoid(raw)
        metrics_list[0].update(paddle.concat([1 - p, p], -1).numpy(), label.numpy())
        return loss, metrics_list, {"loss": loss}

    def infer_forward(self, dy_model, metrics_list, batch_data, config):
        label, inputs = batch_data[0], batch_data[1:]
        p = F.sigmoid(dy_model(*inputs))
        metrics_list[0].update(paddle.concat([1 - p, p], -1).numpy(), label.numpy())
        return metrics_list, {"p": p}
