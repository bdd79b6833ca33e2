import numpy as np
from paddle.io import IterableDataset


class RecDataset(IterableDataset):
    def __init__(self, file_list, config):
        super(RecDataset, self).__init__()
        self.file_list = file_list
        self.max_len = config.get("hyper_parameters.max_len")

    def __iter__(self):
        for file in self.file_list:
            for line in open(file):
                label, history, target = line.strip().split(";")
                history = [int(item) for item in history.split(" ")][-self.max_len:]
                padding = [0] * (self.max_len - len(history))
                yield [
                    np.array([int(label)]),
                    np.array(history + padding),
                    np.array([1.0] * len(history) + [0.0] * len(padding), dtype="float32"),
                    np.array(len(history)),
                    np.array(int(target)),
                ]
