import net
import paddle
import paddle.nn.functional as F


class DygraphModel():
    def create_model(self, config):
        return net.TwoTaskLayer(
            config.get("hyper_parameters.feature_size"), config.get("hyper_parameters.expert_num")
        )

    def create_loss(self, outputs, labels):
        costs = [F.log_loss(input=paddle.slice(p, axes=[1], starts=[1], ends=[2]), label=y.astype("float32"))
                 for p, y in zip(outputs, labels)]
        return paddle.mean(paddle.add_n(costs))

    def create_optimizer(self, dy_model, config):
        lr = config.get("hyper_parameters.optimizer.learning_rate", 0.001)
        return paddle.optimizer.Adam(learning_rate=lr, parameters=dy_model.parameters())

    def create_metrics(self):
        metrics_list_name = ["auc_click", "auc_buy", "acc_click"]
        return [paddle.metric.Auc("ROC"), paddle.metric.Auc("ROC"), paddle.metric.Accuracy()], metrics_list_name

    def _forward(self, dy_model, metrics_list, batch_data):
        click, buy, user, item = batch_data
        outputs = dy_model(user, item)
        metrics_list[0].update(preds=outputs[0].numpy(), labels=click.numpy())
        metrics_list[1].update(preds=outputs[1].numpy(), labels=buy.numpy())
        metrics_list[2].update(metrics_list[2].compute(outputs[0], click))
        return self.create_loss(outputs, [click, buy])

    def train_forward(self, dy_model, metrics_list, batch_data, config):
        loss = self._forward(dy_model, metrics_list, batch_data)
        return loss, metrics_list, None

    def infer_forward(self, dy_model, metrics_list, batch_data, config):
        self._forward(dy_model, metrics_list, batch_data)
        return metrics_list, None
