import paddle
import paddle.nn as nn
import paddle.nn.functional as F


class WideLayer(nn.Layer):
    def __init__(self, rows, dim):
        super().__init__()
        self.embedding = nn.Embedding(
            rows,
            dim,
            sparse=True,
            weight_attr=paddle.ParamAttr(name="SparseFeatFactors", initializer=nn.initializer.Uniform()),
        )
        self.layers = []
        for index, (inputs, outputs) in enumerate([(2 * dim, 8), (8, 2)]):
            linear = nn.Linear(inputs, outputs)
            self.add_sublayer(f"linear_{index}", linear)
            self.layers.append(linear)

    def forward(self, slots):
        vectors = [paddle.reshape(self.embedding(slot), [-1, self.embedding.weight.shape[1]]) for slot in slots]
        hidden = paddle.concat(vectors, axis=1)
        for linear in self.layers[:-1]:
            hidden = F.relu(linear(hidden))
        return self.layers[-1](hidden)
