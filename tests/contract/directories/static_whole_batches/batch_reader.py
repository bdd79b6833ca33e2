import numpy as np
from paddle.io import IterableDataset


class RecDataset(IterableDataset):
    def __init__(self, file_list, config):
        super().__init__()
        self.file_list = file_list
        self.size = config.get("hyper_parameters.batch_size", 32)

    def __iter__(self):
        rows = []
        for path in self.file_list:
            with open(path) as lines:
                for line in lines:
                    click, _, price, user, item, *_ = line.split()
                    rows.append(([int(user), int(item)], [float(price)], [float(click)]))
                    if len(rows) == self.size:
                        yield self.batch(rows)
                        rows = []
        if rows:
            yield self.batch(rows)

    def batch(self, rows):
        ids, dense, labels = zip(*rows)
        return [np.array(ids, "int64"), np.array(dense, "float32"), np.array(labels, "float32")]
