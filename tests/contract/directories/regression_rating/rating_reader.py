import numpy as np
from paddle.io import IterableDataset


class RecDataset(IterableDataset):
    def __init__(self, file_list, config):
        self.file_list = file_list

    def __iter__(self):
        for file in self.file_list:
            with open(file) as lines:
                for line in lines:
                    user, item, rating = line.split("::")
                    yield [int(user), int(item), np.float32(rating)]
