import paddle
import paddle.nn as nn
import paddle.nn.functional as F


class TwoTaskLayer(nn.Layer):
    def __init__(self, feature_size, expert_num):
        super().__init__()
        self.user = nn.Embedding(feature_size, 4)
        self.item = nn.Embedding(feature_size, 4)
        self.experts = nn.LayerList([nn.Linear(8, 8) for _ in range(expert_num)])
        self.gates = nn.LayerList([nn.Linear(8, expert_num, bias_attr=False) for _ in range(2)])
        self.towers = nn.LayerList([nn.Linear(8, 2) for _ in range(2)])

    def forward(self, user, item):
        x = paddle.concat([self.user(user), self.item(item)], axis=-1)
        experts = paddle.stack([F.relu(expert(x)) for expert in self.experts], axis=1)
        outputs = []
        for gate, tower in zip(self.gates, self.towers):
            mixed = paddle.sum(experts * F.softmax(gate(x)).unsqueeze(-1), axis=1)
            outputs.append(paddle.clip(F.softmax(tower(mixed)), min=1e-15, max=1.0 - 1e-15))
        return outputs
