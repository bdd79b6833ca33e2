from __future__ import print_function

import numpy as np
from paddle.io import IterableDataset


class RecDataset(IterableDataset):
    def __init__(self, file_list, config):
        super(RecDataset, self).__init__()
        self.file_list = file_list
        self.slots = ["click", "user", "item"]

    def __iter__(self):
        for file in self.file_list:
            with open(file, "r") as rf:
                for l in rf:
                    slots = dict(token.split(":") for token in l.strip().split(" "))
                    output = [np.array([int(slots[name])]).astype("int64") for name in self.slots]
                    output.append(np.array([float(slots["dense"])]).astype("float32"))
                    yield output
