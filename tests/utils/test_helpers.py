"""The helpers that PaddleRec's directories import from `utils`."""

import sys

import numpy as np
import paddle
import pytest

from rec.errors import UserError
from rec.loading import ModelDirectory
from support import ROOT
from utils.save_load import load_model, load_static_model, save_model, save_static_model
from utils.utils_single import create_data_loader, get_abs_model, load_static_model_class, load_yaml, reset_auc

HELPERS = ROOT / "tests" / "contract" / "directories" / "helpers"


@pytest.fixture
def directory(monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    return ModelDirectory(HELPERS)


def test_a_directory_that_uses_them_pretrains_and_warm_starts(directory, tmp_path):
    losses = directory.load("dygraph_model", "pretrain")(str(HELPERS / "config.yaml"), str(tmp_path))
    assert len(losses) == 10  # 200 rows in batches of 20
    assert losses[-1] < losses[0]
    config = load_yaml(str(HELPERS / "config.yaml"))
    config["runner.warm_path"] = str(tmp_path / "0")
    warm = directory.load("dygraph_model", "DygraphModel")().create_model(config)
    saved = paddle.load(str(tmp_path / "0" / "rec.pdparams"))
    for name, value in warm.state_dict().items():
        assert (value.numpy() == np.asarray(saved[name])).all()
    assert (tmp_path / "0" / "rec.pdopt").is_file()


def test_load_model_refuses_another_networks_weights(tmp_path):
    net = paddle.nn.Linear(3, 1)
    save_model(net, paddle.optimizer.SGD(parameters=net.parameters()), str(tmp_path), 4, prefix="mine")
    load_model(str(tmp_path / "4"), net, prefix="mine")
    with pytest.raises(UserError, match=r"weight has shape \(3, 1\), the model's is \(2, 1\)"):
        load_model(str(tmp_path / "4"), paddle.nn.Linear(2, 1), prefix="mine")
    with pytest.raises(UserError, match="no such"):
        load_model(str(tmp_path / "5"), net)


def test_a_data_loader_is_called_or_iterated_and_drops_a_tail_in_training_only(directory):
    config = load_yaml(str(HELPERS / "config.yaml"))
    config["runner.train_batch_size"], config["runner.infer_batch_size"] = 30, 30
    train = create_data_loader(config, paddle.CPUPlace())
    assert [len(batch[0]) for batch in train()] == [30] * 6
    assert [len(batch[0]) for batch in train] == [30] * 6
    first = next(iter(train))
    assert all(isinstance(value, paddle.Tensor) for value in first)
    assert [len(batch[0]) for batch in create_data_loader(config, paddle.CPUPlace(), mode="test")] == [30, 30, 30, 10]


def test_get_abs_model(tmp_path, monkeypatch):
    monkeypatch.chdir(HELPERS)
    assert get_abs_model("config.yaml") == str(HELPERS / "config.yaml")
    with pytest.raises(UserError, match="no such file"):
        get_abs_model("none.yaml")


def test_load_static_model_class(tmp_path):
    (tmp_path / "static_model.py").write_text(
        "class StaticModel:\n    def __init__(self, config):\n        self.config = config\n"
    )
    config = {"config_abs_dir": str(tmp_path)}
    assert load_static_model_class(config).config is config


def test_a_static_program_goes_back_to_what_was_saved(tmp_path):
    paddle.enable_static()
    main, startup = paddle.static.Program(), paddle.static.Program()
    scope = paddle.static.Scope()
    with paddle.static.scope_guard(scope), paddle.static.program_guard(main, startup):
        out = paddle.nn.Linear(3, 1)(paddle.static.data("x", [-1, 3])).mean()
        paddle.optimizer.Adam(0.1).minimize(out)
        executor = paddle.static.Executor()
        executor.run(startup)

        def step() -> float:
            return executor.run(main, feed={"x": np.ones((2, 3), "float32")}, fetch_list=[out])[0].item()

        step()
        save_static_model(main, str(tmp_path), 0)
        after = [step(), step()]
        load_static_model(main, str(tmp_path / "0"))
        assert [step(), step()] == after
        with pytest.raises(UserError, match="no such file"):
            load_static_model(main, str(tmp_path / "1"))


def test_reset_auc_zeroes_what_the_old_ir_keeps():
    scope, names = paddle.static.Scope(), [f"_generated_var_{index}" for index in (0, 4, 5)]
    for name in names:
        scope.var(name).get_tensor().set(np.full((1, 3), 7), paddle.CPUPlace())
    with paddle.static.scope_guard(scope):
        reset_auc(auc_num=1)
    assert [np.array(scope.find_var(name).get_tensor()).sum() for name in names] == [0, 0, 21]
