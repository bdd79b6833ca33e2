import paddle
import paddle.nn.functional as F
from net import NCF


class DygraphModel():
    def create_model(self, config):
        names = ["num_users", "num_items", "mf_dim"]
        return NCF(*[config.get("hyper_parameters.%s" % name) for name in names])

    def create_optimizer(self, dy_model, config):
        lr = config.get("hyper_parameters.optimizer.learning_rate", 0.001)
        return paddle.optimizer.Adam(learning_rate=lr, parameters=dy_model.parameters())

    def create_metrics(self):
        metrics_list_name = ["auc"]
        auc_metric = paddle.metric.Auc("ROC")
        return [auc_metric], metrics_list_name

    def train_forward(self, dy_model, metrics_list, batch_data, config):
        user, item, label = batch_data
        prediction = dy_model(user, item)
        loss = F.binary_cross_entropy(prediction, label)
        metrics_list[0].update(preds=paddle.concat([1 - prediction, prediction], 1).numpy(), labels=label.numpy())
        # a loss of shape [1], as Paddle 2 had it
        return loss.reshape([1]), metrics_list, {"loss": loss.reshape([1])}

    def infer_forward(self, dy_model, metrics_list, batch_data, config):
        user, item, label = batch_data
        prediction = dy_model(user, item)
        metrics_list[0].update(preds=paddle.concat([1 - prediction, prediction], 1).numpy(), labels=label.numpy())
        return metrics_list, {"prediction": prediction}
