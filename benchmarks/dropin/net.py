"""Five rankers of practice over 26 ids and 13 numbers, as a PaddleRec user writes them."""

import paddle
import paddle.nn as nn
import paddle.nn.functional as F


class Ranker(nn.Layer):
    """`kind`: lr, fm, deepfm, dcn, or din, which attends from the first id over the next 20."""

    def __init__(self, kind, rows, dim, sparse):
        super().__init__()
        self.kind, width = kind, 26 * dim + 13
        self.first = nn.Embedding(rows, 1, sparse=sparse)
        self.second = nn.Embedding(rows, dim, sparse=sparse) if kind != "lr" else None
        self.numbers = nn.Linear(13, 1)
        if kind in ("deepfm", "dcn", "din"):
            width = {"deepfm": width, "dcn": width, "din": 7 * dim + 13}[kind]
            self.deep = nn.Sequential(nn.Linear(width, 256), nn.ReLU(), nn.Linear(256, 64), nn.ReLU(), nn.Linear(64, 1))
        if kind == "dcn":
            self.cross = nn.LayerList([nn.Linear(width, width) for _ in range(2)])
            self.top = nn.Linear(width, 1)
        if kind == "din":
            self.attention = nn.Sequential(nn.Linear(4 * dim, 32), nn.Sigmoid(), nn.Linear(32, 1))

    def forward(self, ids, dense):
        ids = paddle.concat(ids, axis=1)
        logit = paddle.sum(self.first(ids), axis=1) + self.numbers(dense)
        if self.kind == "lr":
            return F.sigmoid(logit)
        vectors = self.second(ids)
        if self.kind in ("fm", "deepfm"):
            square = paddle.square(paddle.sum(vectors, axis=1)) - paddle.sum(paddle.square(vectors), axis=1)
            logit = logit + 0.5 * paddle.sum(square, axis=1, keepdim=True)
        if self.kind == "din":
            vectors = self.attend(vectors)
        if self.kind != "fm":
            x = paddle.concat([paddle.flatten(vectors, 1), dense], axis=1)
            logit = logit + self.deep(x)
        if self.kind == "dcn":
            h = x
            for layer in self.cross:
                h = x * layer(h) + h
            logit = logit + self.top(h)
        return F.sigmoid(logit)

    def attend(self, vectors):
        target, history, rest = vectors[:, :1], vectors[:, 1:21], vectors[:, 21:]
        wide = paddle.expand(target, history.shape)
        weight = self.attention(paddle.concat([wide, history, wide - history, wide * history], axis=2))
        return paddle.concat([target, paddle.sum(weight * history, axis=1, keepdim=True), rest], axis=1)
