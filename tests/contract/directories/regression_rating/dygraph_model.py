import net
import paddle
import paddle.nn.functional as F


class DygraphModel():
    def create_model(self, config):
        return net.RatingLayer(config.get("hyper_parameters.num_users"), config.get("hyper_parameters.num_items"))

    def create_optimizer(self, dy_model, config):
        lr = config.get("hyper_parameters.optimizer.learning_rate")
        return paddle.optimizer.AdamW(learning_rate=lr, parameters=dy_model.parameters(), weight_decay=0.001)

    def create_metrics(self):
        return [], []

    def train_forward(self, dy_model, metrics_list, batch_data, config):
        user, item, rating = batch_data
        predict = dy_model(user, item)
        loss = F.square_error_cost(predict, rating.reshape([-1, 1])).mean()
        return loss, metrics_list, {"loss": loss, "predict": predict}

    def infer_forward(self, dy_model, metrics_list, batch_data, config):
        user, item, rating = batch_data
        predict = dy_model(user, item).squeeze(-1)
        mae = paddle.abs(predict - rating).mean()
        return metrics_list, {"mae": mae, "mse": paddle.square(predict - rating).mean(), "predict": predict}
