import numpy as np
from paddle.io import IterableDataset


class RecDataset(IterableDataset):
    def __init__(self, file_list, config):
        super().__init__()
        self.file_list = file_list
        self.size = config["hyper_parameters.vocabulary_size"]  # the model wrote it

    def __iter__(self):
        for file in self.file_list:
            with open(file) as lines:
                for line in lines:
                    treated, label, user, item = map(int, line.split(" "))
                    yield [np.array([treated]), np.array([label]), np.array(user % self.size), np.array(item)]
