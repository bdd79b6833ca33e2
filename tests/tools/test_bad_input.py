"""What a user gets wrong ends in one clear line and exit code 2: no traceback, no hang, nothing lost."""

import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from support import ESMM, Outcome, Tool, start, tiny_lines, write_lines


def check(outcome: Outcome, *parts: str) -> None:
    """Exit code 2, and a last line that begins with `error:` and says `parts`."""
    assert outcome.code == 2, outcome.err
    last = outcome.err.strip().splitlines()[-1]
    assert last.startswith("error: ")
    assert "Traceback" not in outcome.err + outcome.out
    for part in parts:
        assert part in last


def test_no_config(tool: Tool):
    outcome = tool("trainer")
    assert outcome.code == 2
    assert "-m" in outcome.err


def test_paths_that_are_no_config(tool: Tool, tmp_path):
    check(tool("trainer", "-m", ESMM), "is a directory", "config.yaml")
    check(tool("infer", "-m", tmp_path / "none.yaml"), "none.yaml: no such file")
    bad = tmp_path / "bad.yaml"
    bad.write_text("runner: [1\n")
    check(tool("trainer", "-m", bad), "bad.yaml:2:1: not valid YAML")


@pytest.mark.parametrize(
    ("override", "parts"),
    [
        ("runner.print_intervall=3", ["runner.print_intervall is not a setting", "did you mean print_interval?"]),
        ("runner.epochs=three", ["runner.epochs should be an int, got 'three'"]),
        (
            "hyper_parameters.ctr_fc_size=[3]",
            ["hyper_parameters.ctr_fc_size is not used", "did you mean ctr_fc_sizes?"],
        ),
        ("hyper_parameters.ctr_fc_sizes=[3, x]", ["hyper_parameters.ctr_fc_sizes[1]: should be a valid int", "'x'"]),
        ("hyper_parameters.sparse_feature_number=0", ["hyper_parameters.sparse_feature_number", "greater than 0"]),
        ("hyper_parameters.num_field=4", ["hyper_parameters.num_field is 4", "lists 3 fields"]),
        ("hyper_parameters.optimizer.class=Adan", ["hyper_parameters.optimizer.class", "did you mean Adam?"]),
        ("hyper_parameters.optimizer.learning_rat=1", ["learning_rat is not a setting of Adam", "learning_rate?"]),
        ("hyper_parameters.optimizer.learning_rate=fast", ["learning_rate should be a number not below 0, got 'fast'"]),
        ("hyper_parameters.optimizer.weight_decay=x", ["optimizer.weight_decay should be a number not below 0"]),
        ("hyper_parameters.optimizer=SGD", ["hyper_parameters.optimizer should be a section", "got 'SGD'"]),
        ("hyper_parameters.optimizer.beta1=abc", ["optimizer.beta1 should be a number not below 0, got 'abc'"]),
        ("hyper_parameters.optimizer.learning_rate=.nan", ["learning_rate should be a number not below 0"]),
        ("hyper_parameters.optimizer.class=Momentum", ["table_optimizer is missing", "no Momentum, but Adam, Adagrad"]),
        ("hyper_parameters.cvr_fc_sizes=[8, 0]", ["hyper_parameters.cvr_fc_sizes[1]", "greater than 0, got 0"]),
        ("runner.seed=-1", ["runner.seed should be greater than or equal to 0, got -1"]),
        ("runner.seed=4294967296", ["runner.seed should be less than 4294967296"]),
        ("hyper_parameters.fields=[x, y]", ["x, y of hyper_parameters.fields in none of", "have item, tags, user"]),
        ("hyper_parameters.fields=[a, a]", ["names a more than once"]),
        ("runner.train_reader_path=no_reader", ["has no no_reader.py", "names its directory: model: DIRECTORY"]),
        ("runner.train_data_dir=none", ["none: no such data directory"]),
        ("runner.best_metric=auc_ctr", ["runner.best_metric needs runner.valid_data_dir"]),
        ("hyper_parameters.table_optimizer={class: SGD, beta1: 1}", ["table_optimizer.beta1 is not a setting of SGD"]),
        ("runner.model_init_path=none", ["none: no such checkpoint"]),
        ("runner.train_batch_size=null", ["runner.train_batch_size is missing"]),
    ],
)
def test_wrong_settings(tool: Tool, tiny, override, parts):
    check(tool("trainer", *tiny, override), *parts)
    assert not list(Path("out").glob("*"))


def test_several_wrong_settings_are_told_together(tool: Tool, tiny):
    outcome = tool("trainer", *tiny, "runner.epochs=x", "runner.foo=1", "hyper_parameters.bar=2")
    check(outcome, "runner.epochs should be an int", "runner.foo is not a setting", "hyper_parameters.bar is not used")
    assert outcome.err.count("runner.epochs") == 1


def test_an_empty_data_directory(tool: Tool, tiny, tmp_path):
    (tmp_path / "empty").mkdir()
    check(tool("trainer", *tiny, f"runner.train_data_dir={tmp_path / 'empty'}"), "empty: holds no data files")


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("name", ["trainer", "static_trainer"])
def test_a_bad_line(tool: Tool, tiny, tmp_path, name, workers):
    with (tmp_path / "train" / "part-0.txt").open("a") as file:
        file.write("7,0,0,user:1,item:60\n")
    where = f"{tmp_path / 'train' / 'part-0.txt'}:601: column 5: id 60 of field item"
    check(tool(name, *tiny, f"runner.num_workers={workers}"), where, "sparse_feature_number is 60: ids 0 to 59")


def test_conversion_without_click_is_counted_and_dropped(tool: Tool, tiny, tmp_path):
    with (tmp_path / "train" / "part-0.txt").open("a") as file:
        file.write("7,0,1,user:1\n" * 3)
    outcome = tool("trainer", *tiny, "runner.epochs=1")
    assert outcome.code == 0
    assert "3 impressions with conversion but no click (of 603 impressions): not trained on" in outcome.err


def test_unlisted_fields_are_counted_once(tool: Tool, tiny):
    outcome = tool("trainer", *tiny, "runner.epochs=3", "hyper_parameters.fields=[user, item]")
    assert outcome.code == 0
    assert outcome.err.count("tokens of fields that hyper_parameters.fields does not list") == 1


def test_missing_and_broken_checkpoints(tool: Tool, tiny):
    check(tool("infer", *tiny), "out: no checkpoint of epochs 0 to 1")
    check(tool("infer", *tiny, "runner.infer_checkpoint=best"), "set runner.best_metric")
    check(tool("infer", *tiny, "runner.infer_checkpoint=latest"), "no latest checkpoint")
    assert tool("trainer", *tiny).code == 0
    check(tool("infer", *tiny, "hyper_parameters.ctr_fc_sizes=[9]"), "ctr.hidden.0.weight has shape (12, 8)", "(12, 9)")
    check(
        tool("static_infer", *tiny, "hyper_parameters.cvr_fc_sizes=[]"), "cvr.hidden.0.weight is not part of this model"
    )
    file = Path("out/0/rec.safetensors")
    file.write_bytes(file.read_bytes()[:100])
    check(tool("infer", *tiny), "out/0/rec.safetensors", "checksum differs")
    check(
        tool("trainer", *tiny, "runner.predict_save_path=p.txt", "runner.model_save_path=/dev/null/x"),
        "cannot write to",
    )


@pytest.mark.parametrize("workers", [0, 2])
def test_a_reader_that_raises(tool: Tool, tiny, tmp_path, workers):
    directory = tmp_path / "model"
    directory.mkdir()
    for file in ESMM.glob("*.*"):
        (directory / file.name).write_text(file.read_text())
    with (directory / "esmm_reader.py").open("a") as file:
        file.write("\n    def batches(self, plan):\n        return plan / {}\n")
    lines = len((directory / "esmm_reader.py").read_text().splitlines())
    outcome = tool("trainer", "-m", directory / "config.yaml", *tiny[2:], f"runner.num_workers={workers}")
    check(outcome, f"the reader failed: {directory / 'esmm_reader.py'}:{lines}: TypeError")


def test_a_network_that_cannot_be_built(tool: Tool, tiny, tmp_path):
    directory = tmp_path / "model"
    directory.mkdir()
    for file in ESMM.glob("*.*"):
        (directory / file.name).write_text(file.read_text())
    net = (directory / "net.py").read_text()
    (directory / "net.py").write_text(net.replace("super().__init__()", "super().__init__(); 1 / 0"))
    for name in ("trainer", "static_trainer"):
        check(tool(name, "-m", directory / "config.yaml", *tiny[2:]), "net.py:", "ZeroDivisionError: division by zero")
    (directory / "net.py").write_text("def f(:\n")
    check(tool("trainer", "-m", directory / "config.yaml", *tiny[2:]), "SyntaxError")


@pytest.mark.parametrize("name", ["trainer", "static_trainer"])
def test_a_loss_that_is_not_finite(tool: Tool, tiny, name):
    assert tool(name, *tiny, "runner.epochs=1").code == 0
    outcome = tool(name, *tiny, "last_epoch=0", "hyper_parameters.optimizer.learning_rate=1e38")
    check(outcome, "is not finite at epoch 1", "the last good checkpoint is out/0", "learning_rate")
    assert tool("infer", *tiny, "runner.infer_end_epoch=1").code == 0


@pytest.mark.parametrize("name", ["trainer", "static_trainer"])
def test_resuming_with_another_optimizer(tool: Tool, tiny, name):
    assert tool(name, *tiny, "runner.epochs=1").code == 0
    outcome = tool(name, *tiny, "runner.resume=true", "hyper_parameters.optimizer.class=SGD")
    check(outcome, "hyper_parameters.optimizer.class was 'Adam', is 'SGD'")
    outcome = tool(name, *tiny, "last_epoch=0", "hyper_parameters.optimizer.class=SGD")
    check(outcome, "was trained with Adam, table Adam, the config says SGD, table SGD")


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("optimizer.ema=0.5", "optimizer.ema=0.999", ("Adam with ema 0.5", "Adam with ema 0.999")),
        (
            "optimizer.ema=0.5",
            "optimizer.class=Adam",
            ("table Adam with ema 0.5, the config says Adam, table Adam: set",),
        ),
        (
            "table_optimizer={class: Adam, beta2: 0.99}",
            "table_optimizer={class: Adam}",
            ("table Adam (betas 0.9 and 0.99), the config says Adam, table Adam: set",),
        ),
    ],
)
def test_going_on_with_a_state_that_means_something_else(tool: Tool, tiny, before, after, said):
    """An average or a bias correction by another decay is off by a factor, and nothing would show it."""
    assert tool("trainer", *tiny, "runner.epochs=1", f"hyper_parameters.{before}").code == 0
    more = ["runner.model_save_path=next", "runner.warm_start=out/0"]
    check(tool("trainer", *tiny, *more, f"hyper_parameters.{after}"), *said)
    assert tool("trainer", *tiny, *more, "runner.epochs=1", f"hyper_parameters.{before}").code == 0


def test_a_misspelt_field_is_named_before_training(tool: Tool, tiny):
    outcome = tool("trainer", *tiny, "runner.epochs=1", "hyper_parameters.fields=[user, itme, tags]")
    assert outcome.code == 0
    assert "itme of hyper_parameters.fields in none of the first 600 lines" in outcome.err
    assert "did you mean item?" in outcome.err


def test_what_is_wrong_with_validation_costs_no_epoch(tool: Tool, tiny, tmp_path):
    valid = write_lines(tmp_path / "valid", [*tiny_lines(20), "x,0,0,user:x"])
    options = [f"runner.valid_data_dir={valid}", "runner.best_metric=auc_ctr"]
    check(tool("trainer", *tiny, *options, "runner.best_metric=auc_cttr"), "auc_cttr is not measured", "mean auc_ctr?")
    check(tool("trainer", *tiny, *options, "runner.best_metric=calibration_ctr"), "calibration_ctr is not measured")
    assert not Path("out").exists()
    check(tool("trainer", *tiny, *options), "part-0.txt:21: column 4")
    assert Path("out/0/rec.safetensors").is_file()
    write_lines(valid, tiny_lines(50))
    outcome = tool("trainer", *tiny, *options, "runner.resume=true")
    assert outcome.code == 0, outcome.err
    metrics = [json.loads(Path(f"out/{epoch}/state.json").read_text())["metrics"] for epoch in (0, 1)]
    assert all(0 < m["auc_ctr"] < 1 for m in metrics)


def test_epochs_of_another_run_are_left_out(tool: Tool, tiny):
    assert tool("trainer", *tiny, "runner.epochs=3", "hyper_parameters.ctr_fc_sizes=[9]").code == 0
    assert tool("trainer", *tiny, "runner.epochs=2", "runner.overwrite=true").code == 0
    outcome = tool("infer", *tiny, "runner.infer_end_epoch=3")
    assert outcome.code == 0, outcome.err
    assert "out/2: of another run: left out" in outcome.err
    assert not Path("out/2/metrics.json").exists()


def test_resuming_within_an_epoch_whose_order_has_changed(tool: Tool, tiny):
    steps = ["runner.save_steps=3", "runner.resume=true"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rec.loop.train._Training._end_epoch", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        assert tool("trainer", *tiny, *steps).code == 130
    outcome = tool("trainer", *tiny, *steps, "runner.train_batch_size=16")
    check(outcome, "whose order of data has changed: runner.train_batch_size was 32, is 16")
    assert tool("trainer", *tiny, *steps).code == 0


def test_stray_folders_beside_checkpoints_do_no_harm(tool: Tool, tiny):
    assert tool("trainer", *tiny, "runner.epochs=1").code == 0
    Path("out/0").rename("out/backup")
    Path("out/other").mkdir()
    Path("out/other/state.json").write_text("{}")
    outcome = tool("trainer", *tiny, "runner.resume=true")
    assert outcome.code == 0, outcome.err
    assert "out/other/state.json: damaged" in outcome.err
    assert tool("infer", *tiny, "runner.infer_checkpoint=latest").code == 0


@pytest.mark.parametrize(
    ("ids", "written"), [(["1", "2"], [1, 2]), (["007", "8"], ["007", "8"]), (["münchen", "1"], ["münchen", "1"])]
)
def test_sample_ids_are_written_as_they_are(tool: Tool, tiny, tmp_path, ids, written):
    assert tool("trainer", *tiny, "runner.epochs=1").code == 0
    write_lines(tmp_path / "test", [f"{i},1,0,user:1" for i in ids])
    options = ["runner.infer_checkpoint=latest", "runner.predict_save_path=p.parquet"]
    assert tool("infer", *tiny, *options).code == 0
    assert pq.read_table("p.parquet")["sample_id"].to_pylist() == written
    write_lines(tmp_path / "test", ["1,1,0,user:1", "007,1,0,user:1"])
    assert tool("infer", *tiny, *options, "runner.infer_batch_size=1").code == 0
    assert pq.read_table("p.parquet")["sample_id"].to_pylist() == ["1", "007"]


def test_prediction_paths_are_checked_before_evaluating(tool: Tool, tiny):
    assert tool("trainer", *tiny, "runner.epochs=1").code == 0
    Path("folder.csv").mkdir()
    for path, message in (
        ("p.txt", "should end in"),
        ("folder.csv", "is a directory"),
        ("/proc/x/p.csv", "cannot make"),
    ):
        outcome = tool("infer", *tiny, f"runner.predict_save_path={path}")
        check(outcome, message)
        assert "batch_id" not in outcome.err


def test_several_trainers_are_refused(tool: Tool, tiny, monkeypatch):
    monkeypatch.setenv("PADDLE_TRAINERS_NUM", "2")
    check(tool("infer", *tiny), "only trainings of trainer.py and static_trainer.py")
    check(tool("trainer", "--dry-run", *tiny), "only trainings of trainer.py and static_trainer.py")


def test_a_scheduler_may_end_a_run(tiny, tmp_path):
    run = start("trainer", *tiny, "runner.epochs=1000", "runner.print_interval=1", cwd=tmp_path)
    assert run.stdout is not None
    next(line for line in run.stdout if "epoch: 1," in line)
    run.terminate()
    log, _ = run.communicate(timeout=60)
    assert run.returncode == 130
    assert log.strip().splitlines()[-1] == "interrupted; checkpoints written so far are whole"
    assert "Traceback" not in log


def test_a_full_disk(tiny, tmp_path):
    """A small file system of our own; skipped where mounting is not allowed."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if (
        os.geteuid() != 0
        or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk], check=False).returncode
    ):
        pytest.skip("cannot mount a tmpfs here")
    try:
        sizes = "hyper_parameters.sparse_feature_number=120"
        run = start("trainer", *tiny, f"runner.model_save_path={disk}", "runner.epochs=50", sizes, cwd=tmp_path)
        log, _ = run.communicate(timeout=120)
        assert run.returncode == 2
        assert "could not be written: No space left on device; earlier ones are kept" in log.splitlines()[-1]
        assert "Traceback" not in log
        whole = [path for path in disk.iterdir() if not path.name.startswith(".")]
        assert whole
        assert sorted(path.name for path in disk.iterdir()) == sorted(path.name for path in whole)
    finally:
        subprocess.run(["umount", disk], check=True)


def test_an_interrupt_within_a_save_leaves_nothing_half_written(tool: Tool, tiny, monkeypatch):
    from rec.checkpoint import arrays

    assert tool("trainer", *tiny, "runner.epochs=1").code == 0
    write, calls = arrays.write, []

    def interrupted(path, values):
        write(path, values)
        calls.append(path)
        if len(calls) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(arrays, "write", interrupted)
    assert tool("trainer", *tiny, "runner.resume=true").code == 130
    assert {path.name for path in Path("out").iterdir()} == {"0", "history.jsonl"}


def test_an_interrupt_that_a_library_turns_into_an_error(tool: Tool, tiny, monkeypatch):
    def step(*_):
        try:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(10)
        except KeyboardInterrupt:
            raise OSError("(External) KeyboardInterrupt") from None  # as Paddle does in a backward pass

    monkeypatch.setattr("rec.engine.dygraph.DygraphEngine.train_step", step)
    outcome = tool("trainer", *tiny)
    assert outcome.code == 130
    assert outcome.err.splitlines()[-1] == "interrupted; checkpoints written so far are whole"
    assert "Traceback" not in outcome.err


@pytest.mark.parametrize("name", ["trainer", "static_trainer"])
def test_a_config_written_for_paddlerec_runs_here(tool: Tool, tiny, name):
    """Its spelling of an optimizer, its switch for a GPU that is not there, its keys that mean nothing here."""
    settings = ["hyper_parameters.optimizer.class=adam", "hyper_parameters.optimizer.strategy=async"]
    outcome = tool(name, *tiny, *settings, "runner.use_gpu=True", "runner.use_auc=True", "runner.auc_num=2")
    assert outcome.code == 0, outcome.err
    assert "runner.use_gpu is true, but this Paddle finds no GPU: computing on the CPU" in outcome.err
    assert "hyper_parameters.optimizer.class: adam is written Adam" in outcome.err


@pytest.mark.parametrize("name", ["trainer", "static_trainer"])
def test_weight_decay_says_what_it_does_not_reach(tool: Tool, tiny, name):
    outcome = tool(name, *tiny, "runner.epochs=1", "hyper_parameters.optimizer.weight_decay=0.01")
    assert outcome.code == 0, outcome.err
    assert outcome.err.count("weight_decay: decays the network's parameters; the table's rows have") == 1
    assert "decays the network" not in tool(name, *tiny, "runner.epochs=1", "runner.model_save_path=b").err


@pytest.mark.parametrize("name", ["trainer", "static_trainer"])
def test_a_learning_rate_may_be_a_whole_number(tool: Tool, tiny, name):
    """Paddle takes floats only."""
    logs = []
    for rate in ("1", "1.0"):
        section = f"hyper_parameters.optimizer={{class: SGD, learning_rate: {rate}}}"
        outcome = tool(name, *tiny, "runner.epochs=1", section)
        assert outcome.code == 0, outcome.err
        logs.append(re.search(r"done, (.*), epoch time", outcome.err)[1])
    assert logs[0] == logs[1]
