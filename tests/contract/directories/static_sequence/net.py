import paddle
import paddle.nn as nn


class HistoryLayer(nn.Layer):
    """The mean of a history's vectors, padding left out, and a GRU's last state, against an item's vector."""

    def __init__(self, rows, dim):
        super().__init__()
        self.table = nn.Embedding(rows, dim)
        self.gru = nn.GRU(dim, dim)
        self.out = nn.Linear(3 * dim, 1)

    def forward(self, history, mask, item):
        vectors = self.table(history) * paddle.unsqueeze(mask, 2)
        mean = paddle.sum(vectors, axis=1) / (paddle.sum(mask, axis=1, keepdim=True) + 1e-6)
        _, last = self.gru(vectors)
        return self.out(paddle.concat([mean, paddle.squeeze(last, 0), self.table(item)], axis=1))
