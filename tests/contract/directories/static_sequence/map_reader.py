import numpy as np
from paddle.io import Dataset

LENGTH = 4


class RecDataset(Dataset):
    def __init__(self, file_list, config):
        super().__init__()
        self.rows = [line.split() for path in file_list for line in open(path)]

    def __getitem__(self, index):
        click, _, _, user, item, *tags = self.rows[index]
        history = [int(tag) for tag in tags[:LENGTH]]
        padded = np.zeros(LENGTH, "int64")
        padded[: len(history)] = history
        mask = (np.arange(LENGTH) < len(history)).astype("float32")
        return [padded, mask, np.array(int(item)), np.array([int(click)]).astype("int64")]

    def __len__(self):
        return len(self.rows)
