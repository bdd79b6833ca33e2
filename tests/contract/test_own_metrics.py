"""Metrics of a PaddleRec directory's own: ones that fail, that nothing was counted in, and that rank epochs."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from support import Tool

ROWS_FM = Path(__file__).parent / "directories" / "rows_fm"  # 200 rows: 10 batches an epoch
MEASURE = '''

class Mean:
    """Of the labels, and more at each reset; like many a metric, it divides by what it has counted."""
    resets = 0
    def reset(self):
        self.total = self.count = 0
        self.resets += 1
    __init__ = reset
    def update(self, preds, labels):
        self.total += labels.sum()
        self.count += len(labels)
    def accumulate(self):
        if self.count == 200 and os.path.exists("broken"):
            raise KeyError("broken")
        return self.total / int(self.count) + self.resets if self.count else 1 // 0
'''


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory whose metric is called valid_rmse."""
    shutil.copytree(ROWS_FM, tmp_path / "fm")
    model = tmp_path / "fm" / "dygraph_model.py"
    text = model.read_text().replace('[paddle.metric.Auc("ROC")], ["auc"]', '[Mean()], ["valid_rmse"]')
    model.write_text(f"import os\n{text}{MEASURE}")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "fm"


def test_one_that_fails_is_told_and_nothing_counted_is_none(tool: Tool, directory):
    """The epoch was lost behind a traceback; and a resumed run divided by no rows, or showed half an epoch's metric."""
    options = ["-m", directory / "config.yaml", "-o", "runner.epochs=2", "runner.model_save_path=out"]
    Path("broken").touch()
    for steps, kept in ((10, "0-batch10"), (4, "0-batch8")):
        outcome = tool("trainer", *options, f"runner.save_steps={steps}")
        assert outcome.code == 2
        last = outcome.err.splitlines()[-1]
        assert last.startswith(f"error: {directory}/dygraph_model.py:")
        assert last.endswith(": KeyError: 'broken' (accumulating valid_rmse)")
        assert (Path("out") / kept).is_dir()
        Path("broken").rename("mended")
        outcome = tool("trainer", *options, "runner.resume=true")
        assert outcome.code == 0, outcome.err
        batch = kept.removeprefix("0-batch")
        said = f" - WARNING - epoch 0 goes on at batch {batch}: its valid_rmse will count what follows only"
        assert said in outcome.err
        first, second = [line for line in outcome.err.splitlines() if " done, " in line]
        assert ("valid_rmse" in first) == (steps == 4)
        assert "valid_rmse" in second
        Path("mended").rename("broken")


def test_an_error_is_best_where_it_is_lowest(tool: Tool, directory):
    """Whatever word comes first in its name: `valid_rmse` kept the worst epoch. Here it grows from epoch to epoch."""
    options = ["runner.best_metric=valid_rmse", "runner.valid_data_dir=data/test", "runner.keep_last=1"]
    outcome = tool("trainer", "-m", directory / "config.yaml", "-o", "runner.model_save_path=out", *options)
    assert outcome.code == 0, outcome.err
    assert "the best epoch is the one with the lowest valid_rmse" in outcome.err
    assert sorted(path.name for path in Path("out").glob("[0-9]")) == ["0", "2"]
    first, last = (json.loads(Path(f"out/{e}/state.json").read_text())["metrics"]["valid_rmse"] for e in (0, 2))
    assert first < last


def test_several_numbers_rank_no_epoch(tool: Tool, directory):
    """Such as Accuracy(topk=(1, 2)): no best epoch was kept, without a word. What was trained is."""
    model = directory / "dygraph_model.py"
    model.write_text(model.read_text().replace("+ self.resets if", "+ self.resets * np.ones(2) if"))
    model.write_text(f"import numpy as np\n{model.read_text()}")
    options = ["runner.best_metric=valid_rmse", "runner.valid_data_dir=data/test", "runner.model_save_path=out"]
    outcome = tool("trainer", "-m", directory / "config.yaml", "-o", *options)
    assert outcome.code == 2
    last = "error: runner.best_metric: valid_rmse is 2 numbers, by which no epoch is the best"
    assert outcome.err.splitlines()[-1] == last
    assert Path("out/0/rec.pdparams").is_file()


def test_a_file_without_predictions_is_told(tool: Tool, directory):
    """Its infer_forward returns None, as many do."""
    options = ["-m", directory / "config.yaml", "-o", "runner.epochs=1", "runner.infer_end_epoch=1"]
    assert tool("trainer", *options).code == 0
    outcome = tool("infer", *options, "runner.predict_save_path=p.csv")
    assert outcome.code == 0, outcome.err
    told = " - WARNING - p.csv: will hold no predictions: the model returns nothing per impression"
    assert outcome.err.count(told) == 1
    assert pd.read_csv("p.csv").columns.tolist() == ["sample_id"]


def test_a_dry_run_refuses_a_name_for_predictions(tool: Tool, directory):
    options = ["-m", directory / "config.yaml", "-o", "runner.epochs=1", "runner.infer_end_epoch=1"]
    assert tool("trainer", *options).code == 0
    outcome = tool("infer", *options, "runner.predict_save_path=new/p.txt", "--dry-run")
    assert outcome.code == 2
    assert outcome.err.splitlines()[-1] == "error: runner.predict_save_path: new/p.txt should end in .parquet or .csv"
    assert not Path("new").exists()
