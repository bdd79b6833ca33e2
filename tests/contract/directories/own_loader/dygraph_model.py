import os

import net
import numpy as np
import paddle
from paddle.io import DataLoader, Dataset


class Pairs(Dataset):
    def __init__(self, folder, size):
        rows = [line.split() for name in sorted(os.listdir(folder)) for line in open(os.path.join(folder, name))]
        self.rows, self.size = np.array(rows, dtype="int64"), size

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        label, user, item = self.rows[index]
        return np.array(label), np.array([user, self.size + item])


class DygraphModel():
    def create_model(self, config):
        self.config = config
        return net.PlainLayer(config.get("hyper_parameters.size"))

    def create_data_loader(self):
        # PaddleRec calls this alike in training and in evaluation; the tools here say which in reader_for.
        training = self.config.get("reader_for", "train") == "train"
        folder = self.config["runner.train_data_dir" if training else "runner.test_data_dir"]
        data = Pairs(os.path.join(self.config["config_abs_dir"], folder), self.config["hyper_parameters.size"])
        return DataLoader(data, batch_size=self.config["runner.train_batch_size"], shuffle=training, drop_last=training)

    def create_optimizer(self, dy_model, config):
        lr = config.get("hyper_parameters.optimizer.learning_rate")
        return paddle.optimizer.Adagrad(learning_rate=lr, parameters=dy_model.parameters())

    def create_metrics(self):
        return [paddle.metric.Auc("ROC")], ["auc"]

    def _forward(self, dy_model, metrics, batch):
        label, pair = batch
        logits = dy_model(pair)
        metrics[0].update(paddle.nn.functional.softmax(logits).numpy(), label.numpy())
        return paddle.nn.functional.cross_entropy(logits, label)

    def train_forward(self, dy_model, metrics, batch, config):
        loss = self._forward(dy_model, metrics, batch)
        return loss, metrics, {"loss": loss}

    def infer_forward(self, dy_model, metrics, batch, config):
        self._forward(dy_model, metrics, batch)
        return metrics, None
