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
                    click, buy, price, user, item, *tags = line.split()
                    yield [np.array([int(value)]).astype("int64") for value in (click, user, item, tags[0], tags[-1])]
