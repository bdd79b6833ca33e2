import numpy as np
from paddle.io import IterableDataset


class RecDataset(IterableDataset):
    def __init__(self, file_list, config):
        super().__init__()
        self.file_list = file_list

    def __iter__(self):
        from parse import integers

        for file in self.file_list:
            with open(file) as lines:
                for line in lines:
                    yield [np.array(value) for value in integers(line)]
