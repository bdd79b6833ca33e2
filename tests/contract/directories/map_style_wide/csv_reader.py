import numpy as np
from paddle.io import Dataset


class RecDataset(Dataset):
    def __init__(self, file_list, config):
        self.num_users, self.num_items = config["hyper_parameters.num_users"], config["hyper_parameters.num_items"]
        self.table = np.concatenate([np.loadtxt(file, delimiter=",", dtype="float32") for file in file_list])

    def __len__(self):
        return len(self.table)

    def __getitem__(self, index):
        label, user, item, price = self.table[index]
        features = np.zeros(self.num_users + self.num_items + 1, dtype="float32")
        features[int(user)] = 1
        features[self.num_users + int(item)] = 1
        features[-1] = price
        return features, np.array([label])
