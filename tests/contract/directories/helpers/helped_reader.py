import os

import numpy as np
from paddle.io import IterableDataset

from utils.utils_single import load_yaml


class RecDataset(IterableDataset):
    def __init__(self, file_list, config):
        super().__init__()
        self.file_list = file_list
        self.size = load_yaml(os.path.join(config["config_abs_dir"], "config.yaml"))["hyper_parameters.size"]

    def __iter__(self):
        for file in self.file_list:
            with open(file) as lines:
                for line in lines:
                    label, user, item = map(int, line.split())
                    assert user < self.size and item < self.size
                    yield [np.array(label), np.array(user), np.array(item)]
