import net
import paddle


class DygraphModel():
    def create_model(self, config):
        return net.FMLayer(
            config.get("hyper_parameters.sparse_feature_number"),
            config.get("hyper_parameters.sparse_feature_dim"),
            config.get("hyper_parameters.fc_sizes"),
        )

    def create_feeds(self, batch_data):
        return batch_data[0], batch_data[1:-1], batch_data[-1]

    def create_loss(self, pred, label):
        return paddle.mean(paddle.nn.functional.log_loss(input=pred, label=paddle.cast(label, dtype="float32")))

    def create_optimizer(self, dy_model, config):
        lr = config.get("hyper_parameters.optimizer.learning_rate", 0.001)
        return paddle.optimizer.Adam(learning_rate=lr, parameters=dy_model.parameters())

    def create_metrics(self):
        return [paddle.metric.Auc("ROC")], ["auc"]

    def train_forward(self, dy_model, metrics_list, batch_data, config):
        label, sparse, dense = self.create_feeds(batch_data)
        pred = dy_model.forward(sparse, dense)
        loss = self.create_loss(pred, label)
        predict_2d = paddle.concat(x=[1 - pred, pred], axis=1)
        metrics_list[0].update(preds=predict_2d.numpy(), labels=label.numpy())
        return loss, metrics_list, {"loss": loss}

    def infer_forward(self, dy_model, metrics_list, batch_data, config):
        label, sparse, dense = self.create_feeds(batch_data)
        pred = dy_model.forward(sparse, dense)
        predict_2d = paddle.concat(x=[1 - pred, pred], axis=1)
        metrics_list[0].update(preds=predict_2d.numpy(), labels=label.numpy())
        return metrics_list, None
