import math

import paddle
import paddle.nn as nn
import paddle.nn.functional as F


class FMLayer(nn.Layer):
    def __init__(self, sparse_feature_number, sparse_feature_dim, layer_sizes):
        super(FMLayer, self).__init__()
        self.embedding_one = nn.Embedding(
            sparse_feature_number,
            1,
            padding_idx=0,
            sparse=True,
            weight_attr=paddle.ParamAttr(name="SparseFirstOrder", initializer=nn.initializer.Constant(0.0)),
        )
        self.embedding = nn.Embedding(
            sparse_feature_number,
            sparse_feature_dim,
            sparse=True,
            weight_attr=paddle.ParamAttr(
                name="SparseFeatFactors",
                initializer=nn.initializer.TruncatedNormal(mean=0.0, std=0.1 / math.sqrt(float(sparse_feature_dim))),
            ),
        )
        self.dense_w = self.create_parameter(shape=[1, 1], default_initializer=nn.initializer.Constant(1.0))
        sizes = [2 * sparse_feature_dim] + layer_sizes + [1]
        self._mlp_layers = []
        for i in range(len(sizes) - 1):
            linear = nn.Linear(sizes[i], sizes[i + 1])
            self.add_sublayer("linear_%d" % i, linear)
            self._mlp_layers.append(linear)
            if i < len(sizes) - 2:
                act = nn.ReLU()
                self.add_sublayer("act_%d" % i, act)
                self._mlp_layers.append(act)

    def forward(self, sparse_inputs, dense_inputs):
        ids = paddle.concat(sparse_inputs, axis=1)
        first = paddle.sum(self.embedding_one(ids), 1) + paddle.matmul(dense_inputs, self.dense_w)
        vectors = self.embedding(ids)
        square_of_sum = paddle.square(paddle.sum(vectors, 1))
        sum_of_square = paddle.sum(paddle.square(vectors), 1)
        second = 0.5 * paddle.sum(square_of_sum - sum_of_square, 1, keepdim=True)
        deep = paddle.reshape(vectors, [-1, 2 * vectors.shape[2]])
        for layer in self._mlp_layers:
            deep = layer(deep)
        return F.sigmoid(first + second + deep)
