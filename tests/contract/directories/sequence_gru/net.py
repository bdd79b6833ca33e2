import paddle
import paddle.nn as nn
import paddle.nn.functional as F


class GRUAttention(nn.Layer):
    """A history padded with 0, a GRU over it, attention of the target over its states."""

    def __init__(self, num_items, dim):
        super(GRUAttention, self).__init__()
        self.item_emb = nn.Embedding(num_items, dim, padding_idx=0, sparse=True)
        self.gru = nn.GRU(dim, dim)
        self.attention = nn.Sequential(nn.Linear(2 * dim, 8), nn.Sigmoid(), nn.Linear(8, 1))
        self.dropout = nn.Dropout(0.1)
        self.fc = nn.Linear(3 * dim, 8)
        self.out = nn.Linear(8, 1)

    def forward(self, history, mask, length, target):
        states, last = self.gru(self.item_emb(history), sequence_length=length)
        query = self.item_emb(target)
        tiled = paddle.expand(query.unsqueeze(1), states.shape)
        scores = self.attention(paddle.concat([states, tiled], axis=-1)).squeeze(-1) + (mask - 1.0) * 1e9
        summary = paddle.matmul(F.softmax(scores).unsqueeze(1), states).squeeze(1)
        hidden = F.relu(self.fc(paddle.concat([summary, last[0], query], axis=-1)))
        return self.out(self.dropout(hidden))
