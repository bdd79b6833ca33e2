import random

import numpy as np
from paddle.io import IterableDataset


class RecDataset(IterableDataset):
    def __init__(self, file_list, config):
        super(RecDataset, self).__init__()
        self.num_items = config.get("hyper_parameters.num_items")
        self.num_neg = config.get("hyper_parameters.num_neg")
        self.rows_per_batch = config.get("hyper_parameters.rows_per_batch")
        self.pairs = []
        for file in file_list:
            with open(file) as f:
                self.pairs += [tuple(map(int, line.split("\t"))) for line in f]

    def __iter__(self):
        known = set(self.pairs)
        rows = []
        for user, item in random.sample(self.pairs, len(self.pairs)):
            rows.append((user, item, 1.0))
            for _ in range(self.num_neg):
                negative = np.random.randint(self.num_items)
                rows.append((user, negative, float((user, negative) in known)))
        for begin in range(0, len(rows), self.rows_per_batch):
            user, item, label = zip(*rows[begin:begin + self.rows_per_batch])
            yield [
                np.array(user, dtype="int64").reshape(-1, 1),
                np.array(item, dtype="int64").reshape(-1, 1),
                np.array(label, dtype="float32").reshape(-1, 1),
            ]
