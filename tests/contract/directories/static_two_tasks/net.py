import paddle
import paddle.nn as nn
import paddle.nn.functional as F


class TowersLayer(nn.Layer):
    def __init__(self, rows, dim):
        super().__init__()
        self.embedding = nn.Embedding(rows, dim, sparse=True)
        self.ctr = nn.Sequential(nn.Linear(2 * dim, 8), nn.ReLU(), nn.Linear(8, 2))
        self.cvr = nn.Sequential(nn.Linear(2 * dim, 8), nn.ReLU(), nn.Linear(8, 2))

    def forward(self, slots):
        shared = paddle.concat([paddle.squeeze(self.embedding(slot), axis=1) for slot in slots], axis=-1)
        ctr_out, cvr_out = F.softmax(self.ctr(shared)), F.softmax(self.cvr(shared))
        ctr_prob_one = paddle.slice(ctr_out, axes=[1], starts=[1], ends=[2])
        cvr_prob_one = paddle.slice(cvr_out, axes=[1], starts=[1], ends=[2])
        ctcvr_prob_one = paddle.multiply(x=ctr_prob_one, y=cvr_prob_one)
        ctcvr_prob = paddle.concat(x=[1 - ctcvr_prob_one, ctcvr_prob_one], axis=1)
        return ctr_out, ctr_prob_one, ctcvr_prob_one, ctcvr_prob
