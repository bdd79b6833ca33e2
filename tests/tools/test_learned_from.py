"""Sampled negatives, losses and hidden layers by the tools: calibration, resume, both modes, export."""

from __future__ import annotations

import signal
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from safetensors.numpy import load_file

from support import ROOT, Tool, start, write_lines

CONFIG = """
runner: {train_data_dir: train, test_data_dir: test, train_batch_size: 64, infer_batch_size: 256, epochs: 2,
         model_save_path: out, infer_load_path: out, infer_checkpoint: latest, print_interval: 1}
hyper_parameters:
  optimizer: {class: Adam, learning_rate: 0.01}
  sparse_feature_dim: 4
  tower_fc_sizes: [8]
  sharing: {kind: mmoe, num_expert: 2, fc_sizes: [8]}
  dropout: 0.2
  norm: batch
  behaviours:
    click: {loss: jrc, alpha: 0.7}
    conversion: {after: click, positive_weight: 3, label_smoothing: 0.1, listwise: 0.2}
    seconds: {head: log_regression, space: click, smearing: true}
data:
  negative_rate: 0.4
  labels: {click: click, conversion: buy, request_id: request}
  numbers: {seconds: seconds}
  sample_id: name
  files: "*.txt"
  fields: {user: , item: }
"""


def rows(count: int, seed: int) -> list[str]:
    random = np.random.default_rng(seed)
    lines = ["name,user,item,click,buy,seconds,request"]
    for row in range(count):
        user, item = random.integers(0, 6, size=2)
        click = random.random() < (0.1 if item < 3 else 0.3)
        buy = click and random.random() < (0.1 if user < 3 else 0.4)
        seconds = f"{np.expm1(2 + random.normal()).clip(0):.2f}" if click else ""
        lines.append(f"r{row},{user},{item},{click:d},{buy:d},{seconds},{row // 5}")
    return lines


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_lines(tmp_path / "train", rows(1500, 1))
    write_lines(tmp_path / "test", rows(400, 2))
    (tmp_path / "config.yaml").write_text(CONFIG)
    return tmp_path


def arrays(folder: Path) -> dict[str, np.ndarray]:
    files = sorted(folder.glob("rec*.safetensors"))
    assert len(files) == 2
    return {name: value for file in files for name, value in load_file(file).items()}


@pytest.mark.parametrize("name", ["trainer", "static_trainer"])
def test_killed_and_resumed_with_all_of_it_ends_bit_for_bit_the_same(name, config):
    options = ["-m", "config.yaml", "-o", "runner.save_steps=3", "runner.resume=true"]
    whole = start(name, *options, "runner.model_save_path=whole", cwd=config)
    log, _ = whole.communicate(timeout=120)
    assert whole.returncode == 0, log
    for last in (5, 9):
        run = start(name, *options, "runner.model_save_path=killed", cwd=config)
        assert run.stdout is not None
        steps = 0
        for line in run.stdout:
            steps += "batch_id" in line
            if steps == last:
                run.send_signal(signal.SIGKILL)
                break
        run.communicate(timeout=120)
        assert run.returncode == -signal.SIGKILL
    run = start(name, *options, "runner.model_save_path=killed", cwd=config)
    resumed, _ = run.communicate(timeout=120)
    assert run.returncode == 0, resumed
    assert "resumed from" in resumed
    there, expected = arrays(config / "killed" / "1"), arrays(config / "whole" / "1")
    assert {n: v.tobytes() for n, v in there.items()} == {n: v.tobytes() for n, v in expected.items()}


def test_a_resumed_run_must_have_the_same_rate(config, tool: Tool):
    done = tool("trainer", "-m", "config.yaml", "-o", "runner.epochs=1")
    assert done.code == 0, done.err
    again = tool("trainer", "-m", "config.yaml", "-o", "runner.resume=true", "data.negative_rate=0.2")
    assert again.code == 2
    assert "data.negative_rate was 0.4, is 0.2" in again.err
    over = tool("trainer", "-m", "config.yaml", "-o", "data.negative_rate=null")
    assert over.code == 2
    assert "holds checkpoints of another run" in over.err


def test_both_modes_train_the_same_and_all_tools_predict_the_same(config, tool: Tool, export: Tool):
    for name, out in (("trainer", "dynamic"), ("static_trainer", "static")):
        done = tool(name, "-m", "config.yaml", "-o", f"runner.model_save_path={out}")
        assert done.code == 0, done.err
    dynamic, static = arrays(config / "dynamic" / "1"), arrays(config / "static" / "1")
    assert dynamic.keys() == static.keys()
    for name, value in dynamic.items():
        if "towers.click.logit.bias" in name:  # JRC's level is no different for a number more: its bias is rounding
            continue
        np.testing.assert_allclose(static[name], value, rtol=2e-3, atol=2e-5, err_msg=name)
    running = [name for name in dynamic if name.endswith(("mean", "variance", "observed", "predicted"))]
    assert len([name for name in running if "/" not in name]) == 2 * 5 + 2  # two experts and three towers, and seconds
    assert not [name for name in running if np.allclose(dynamic[name], 0.0) or np.allclose(dynamic[name], 1.0)]
    predictions = []
    # What a checkpoint predicts does not depend on whether the rate is still said.
    for name, more in (("infer", ()), ("static_infer", ()), ("infer", ("data.negative_rate=null",))):
        path = f"p{len(predictions)}.parquet"
        options = ["runner.infer_load_path=dynamic", f"runner.predict_save_path={path}", *more]
        done = tool(name, "-m", "config.yaml", "-o", *options)
        assert done.code == 0, done.err
        predictions.append(pq.read_table(path).to_pydict())
    for other in predictions[1:]:
        for name in ("pctr", "pcvr", "pctcvr", "pseconds"):
            np.testing.assert_allclose(other[name], predictions[0][name], rtol=2e-5)
    exported = export("to_static", "-m", "config.yaml", "-o", "runner.infer_load_path=dynamic")
    assert exported.code == 0, exported.err
    scored = export(
        "paddle_infer", "-m", "config.yaml", "-o", "runner.infer_load_path=dynamic",
        "runner.predict_save_path=scored.parquet",
    )  # fmt: skip
    assert scored.code == 0, scored.err
    table = pq.read_table("scored.parquet").to_pydict()
    for name in ("pctr", "pcvr", "pctcvr", "pseconds"):
        np.testing.assert_allclose(table[name], predictions[0][name], rtol=1e-4, atol=1e-7)


# Impressions of 4 users and 5 items whose clicks and conversions have known chances.
CTR = np.array([0.03, 0.05, 0.1, 0.02, 0.08])
CVR = np.array([0.2, 0.5, 0.1, 0.4])


def simulated(count: int, seed: int) -> tuple[list[str], np.ndarray]:
    random = np.random.default_rng(seed)
    user, item = random.integers(0, 4, count), random.integers(0, 5, count)
    click = random.random(count) < CTR[item]
    buy = click & (random.random(count) < CVR[user])
    found = zip(click.astype(int), buy.astype(int), user, item, strict=True)
    lines = [f"{row},{c},{b},user:{u},item:{4 + i}" for row, (c, b, u, i) in enumerate(found)]
    return lines, np.stack([CTR[item], CVR[user], CTR[item] * CVR[user]])


@pytest.mark.parametrize("name", ["trainer", "static_trainer"])
@pytest.mark.parametrize("directory", ["esmm", "mmoe"])
def test_predictions_after_sampling_are_calibrated_on_all_impressions(
    name, directory, tmp_path, monkeypatch, tool: Tool
):
    monkeypatch.chdir(tmp_path)
    lines, _ = simulated(40_000, 1)
    write_lines(tmp_path / "train", lines)
    test, truth = simulated(20_000, 2)
    write_lines(tmp_path / "test", test)
    source = ROOT / "models" / "multitask" / directory / "config.yaml"
    options = {
        "data": "{negative_rate: 0.1}", "runner.train_data_dir": tmp_path / "train", "runner.epochs": 6,
        "runner.test_data_dir": tmp_path / "test", "runner.train_batch_size": 64, "runner.infer_batch_size": 4096,
        "runner.model_save_path": "out", "runner.infer_load_path": "out", "runner.infer_checkpoint": "latest",
        "hyper_parameters.fields": "[user, item]", "hyper_parameters.sparse_feature_number": 9,
        "hyper_parameters.sparse_feature_dim": 4, "runner.predict_save_path": "p.parquet",
        "hyper_parameters.optimizer.learning_rate": 0.003,
    }  # fmt: skip
    given = ["-m", str(source), "-o", *(f"{key}={value}" for key, value in options.items())]
    for tool_name in (name, name.replace("trainer", "infer")):
        done = tool(tool_name, *given)
        assert done.code == 0, done.err
    table = pq.read_table("p.parquet").to_pydict()
    positives = {"ctr": 40_000 * 0.056, "cvr": 40_000 * 0.056 * 0.3, "ctcvr": 40_000 * 0.056 * 0.3}
    for task, true in zip(("ctr", "cvr", "ctcvr"), truth, strict=True):
        ratio = np.mean(table[f"p{task}"]) / true.mean()
        # A rate that n positives tell is off by 1 / sqrt(n); without the correction the CTR would be 6 times as high.
        assert abs(ratio - 1) < 3.5 / np.sqrt(positives[task]), (task, ratio)


def test_what_a_config_may_not_say(config, tool: Tool):
    def refused(*options: str) -> str:
        done = tool("trainer", "-m", "config.yaml", "-o", *options)
        assert done.code == 2
        return done.err

    assert "data.negative_rate: Input should be less than 1" in refused("data.negative_rate=1.5")
    said = refused("hyper_parameters.behaviours={click: , like: {label: conversion}}")
    assert "data.negative_rate needs one behaviour that all others come after" in said
    assert "hyper_parameters.negative_rate is 0.9: it follows" in refused("hyper_parameters.negative_rate=0.9")
    assert "norm" in refused("hyper_parameters.norm=bach")
    assert "dropout" in refused("hyper_parameters.dropout=1.0")
