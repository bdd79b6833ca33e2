import paddle.nn as nn


class WideLayer(nn.Layer):
    def __init__(self, width):
        super().__init__()
        self.linear = nn.Linear(width, 1)
        self.unused = nn.Linear(3, 3)  # left over from an experiment

    def forward(self, one_hot):
        return self.linear(one_hot)
