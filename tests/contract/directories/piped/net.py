import paddle
import paddle.nn as nn


class PipedLayer(nn.Layer):
    def __init__(self, size):
        super().__init__()
        self.embedding = nn.Embedding(2 * size, 8, sparse=True)
        self.fc = nn.Linear(17, 2)

    def forward(self, pair, price):
        return self.fc(paddle.concat([paddle.flatten(self.embedding(pair), 1), price], 1))
