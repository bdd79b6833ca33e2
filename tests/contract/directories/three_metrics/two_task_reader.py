import numpy as np
from paddle.io import IterableDataset


class RecDataset(IterableDataset):
    def __init__(self, file_list, config):
        super(RecDataset, self).__init__()
        self.file_list = file_list

    def __iter__(self):
        for file in self.file_list:
            with open(file, "r") as rf:
                for line in rf:
                    click, buy, user, item = map(int, line.split(","))
                    yield [np.array([click]), np.array([buy]), np.array(user), np.array(item)]
