import paddle
import paddle.nn as nn


class NCF(nn.Layer):
    def __init__(self, num_users, num_items, mf_dim):
        super(NCF, self).__init__()
        self.mf_user = nn.Embedding(num_users, mf_dim)
        self.mf_item = nn.Embedding(num_items, mf_dim)
        self.bias_user = nn.Embedding(num_users, 1)
        self.bias_item = nn.Embedding(num_items, 1)

    def forward(self, user, item):
        mf = paddle.sum(self.mf_user(user) * self.mf_item(item), axis=-1)
        return paddle.nn.functional.sigmoid(mf + self.bias_user(user)[:, :, 0] + self.bias_item(item)[:, :, 0])
