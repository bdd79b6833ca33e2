import os

import net
import paddle
import paddle.nn.functional as F


class DygraphModel():
    def create_model(self, config):
        path = os.path.join(config["config_abs_dir"], config.get("runner.word_id_dict_path"))
        config["hyper_parameters.vocabulary_size"] = len(open(path).readlines())
        assert config.get("runner.is_train") is True and config.get("runner.geo_step", 0) == 400
        return net.CounterfactualLayer(
            config["hyper_parameters.vocabulary_size"], config.get("runner.counterfact_mode")
        )

    def create_optimizer(self, dy_model, config):
        lr = config.get("hyper_parameters.optimizer.learning_rate")
        return paddle.optimizer.Adam(learning_rate=lr, parameters=dy_model.parameters())

    def create_metrics(self):
        return [paddle.metric.Auc("ROC"), paddle.metric.Auc("ROC")], ["auc_treated", "auc_outcome"]

    def _count(self, metrics, treated, label, p, y):
        metrics[0].update(paddle.concat([1 - p, p], 1).numpy(), treated.numpy())
        metrics[1].update(paddle.concat([1 - y, y], 1).numpy(), label.numpy())

    def train_forward(self, dy_model, metrics, batch, config):
        treated, label, user, item = batch
        p, y, imputed = dy_model(user, item)
        self._count(metrics, treated, label, p, y)
        o = treated.astype("float32")
        error = F.binary_cross_entropy(y, label.astype("float32"), reduction="none")
        weight = o / paddle.clip(p.detach(), 0.1, 1.0)
        loss_outcome = paddle.mean(imputed + weight * (error - imputed) + weight * (error.detach() - imputed) ** 2)
        loss_treated = F.binary_cross_entropy(p, o)
        loss = loss_outcome + config.get("hyper_parameters.alpha") * loss_treated
        return loss, metrics, {"loss": loss, "loss_treated": loss_treated, "undefined": paddle.to_tensor(float("nan"))}

    def infer_forward(self, dy_model, metrics, batch, config):
        treated, label, user, item = batch
        p, y, _ = dy_model(user, item)
        self._count(metrics, treated, label, p, y)
        return metrics, None
