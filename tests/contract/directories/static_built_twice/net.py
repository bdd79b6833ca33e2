import paddle
import paddle.nn as nn


class TowerLayer(nn.Layer):
    """Made anew, and named anew, by each of its users."""

    def __init__(self, inputs):
        super().__init__()
        self.linear = nn.Linear(inputs, 8, weight_attr=paddle.ParamAttr(initializer=nn.initializer.XavierNormal()))
        self.out = nn.Linear(8, 1)

    def forward(self, x):
        return self.out(paddle.tanh(self.linear(x)))
