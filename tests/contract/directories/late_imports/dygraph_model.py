import paddle


class DygraphModel():
    def create_model(self, config):
        import net

        self.net = net
        return net.LateLayer(config.get("hyper_parameters.size"))

    def create_optimizer(self, dy_model, config):
        from paddle.optimizer import Momentum

        lr = config.get("hyper_parameters.optimizer.learning_rate")
        return Momentum(learning_rate=lr, parameters=dy_model.parameters())

    def create_metrics(self):
        from measure import Share

        return [Share()], ["right"]

    def _forward(self, dy_model, metrics, batch):
        label, user, item = batch
        logits = dy_model(user, item)
        metrics[0].update(paddle.argmax(logits, -1).numpy() == label.numpy())
        return paddle.nn.functional.cross_entropy(logits, label)

    def train_forward(self, dy_model, metrics, batch, config):
        loss = self._forward(dy_model, metrics, batch)
        return loss, metrics, {"loss": loss}

    def infer_forward(self, dy_model, metrics, batch, config):
        self._forward(dy_model, metrics, batch)
        return metrics, None
