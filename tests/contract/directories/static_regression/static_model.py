import paddle
import paddle.nn.functional as F


class StaticModel:
    def __init__(self, config):
        self.config = config
        self.rate = config.get("hyper_parameters.optimizer.learning_rate")

    def create_feeds(self, is_infer=False):
        user = paddle.static.data(name="user", shape=[None, 1], dtype="int64")
        dense = paddle.static.data(name="dense", shape=[None, 3], dtype="float32")
        price = paddle.static.data(name="price", shape=[None, 1], dtype="float32")
        return [user, dense, price]

    def net(self, inputs, is_infer=False):
        user, dense, price = inputs
        vector = paddle.squeeze(paddle.nn.Embedding(60, 4)(user), 1)
        hidden = paddle.static.nn.fc(x=[vector, dense], size=16, activation="relu")
        predicted = paddle.static.nn.fc(x=hidden, size=1, name="price_fc")
        error = F.mse_loss(predicted, price)
        self._cost = error
        if is_infer:
            mae = paddle.mean(paddle.abs(predicted - price))
            return {"mae": mae, "mse": paddle.reshape(error, [1]), "predicted": predicted, "unit": "euro"}
        # What is fetched need not be a tensor.
        return {"mse": error, "rate": self.rate, "momentum": None, "steps": 3}

    def create_optimizer(self, strategy=None):
        paddle.optimizer.Adagrad(learning_rate=self.rate).minimize(self._cost)

    def infer_net(self, inputs):
        return self.net(inputs, is_infer=True)
