import os
import sys

import paddle

import net

__dir__ = os.path.dirname(os.path.abspath(__file__))
sys.path.append(os.path.abspath(os.path.join(__dir__, "../../../../tools")))
from utils.save_load import load_model, save_model
from utils.utils_single import create_data_loader, get_abs_model, load_dy_model_class, load_yaml


class DygraphModel():
    def create_model(self, config):
        model = net.HelpedLayer(config.get("hyper_parameters.size"))
        if config.get("runner.warm_path"):
            load_model(config.get("runner.warm_path"), model)
        return model

    def create_optimizer(self, dy_model, config):
        lr = config.get("hyper_parameters.optimizer.learning_rate")
        return paddle.optimizer.Adam(learning_rate=lr, parameters=dy_model.parameters())

    def create_metrics(self):
        return [paddle.metric.Auc("ROC")], ["auc"]

    def _forward(self, dy_model, metrics, batch):
        label, user, item = batch
        logits = dy_model(user, item)
        metrics[0].update(paddle.nn.functional.softmax(logits).numpy(), label.numpy())
        return paddle.nn.functional.cross_entropy(logits, label)

    def train_forward(self, dy_model, metrics, batch, config):
        loss = self._forward(dy_model, metrics, batch)
        return loss, metrics, {"loss": loss}

    def infer_forward(self, dy_model, metrics, batch, config):
        self._forward(dy_model, metrics, batch)
        return metrics, None


def pretrain(yaml, folder):
    """What such directories do by themselves: an epoch with the helpers, without the tools."""
    config = load_yaml(get_abs_model(yaml))
    config["config_abs_dir"] = __dir__
    model_class = load_dy_model_class(__dir__)
    model = model_class.create_model(config)
    optimizer = model_class.create_optimizer(model, config)
    metrics, _ = model_class.create_metrics()
    losses = []
    for batch in create_data_loader(config=config, place=paddle.CPUPlace())():
        loss, metrics, _ = model_class.train_forward(model, metrics, batch, config)
        loss.backward()
        optimizer.step()
        optimizer.clear_grad()
        losses.append(loss.item())
    save_model(model, optimizer, folder, 0)
    return losses
