import net
import paddle
import paddle.nn.functional as F


class DygraphModel():
    def create_model(self, config):
        return net.PipedLayer(config.get("hyper_parameters.size"))

    def create_optimizer(self, dy_model, config):
        lr = config.get("hyper_parameters.optimizer.learning_rate")
        return paddle.optimizer.Adam(learning_rate=lr, parameters=dy_model.parameters())

    def create_metrics(self):
        return [paddle.metric.Auc("ROC")], ["auc"]

    def _forward(self, dy_model, metrics, batch):
        label, pair, price = batch
        logits = dy_model(pair, price)
        metrics[0].update(F.softmax(logits).numpy(), label.numpy())
        return F.cross_entropy(logits, label).mean()

    def train_forward(self, dy_model, metrics, batch, config):
        loss = self._forward(dy_model, metrics, batch)
        return loss, metrics, {"loss": loss}

    def infer_forward(self, dy_model, metrics, batch, config):
        self._forward(dy_model, metrics, batch)
        return metrics, None
