"""Calibration at the end of training: kept in the checkpoint, applied by infer, refused where it would mislead."""

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest

from support import ROOT, Tool, tiny_lines, write_lines

MODES = {"dynamic": ("trainer", "infer"), "static": ("static_trainer", "static_infer")}
TASKS = {"ctr": ("click", None), "cvr": ("conversion", "click"), "ctcvr": ("conversion", None)}


@pytest.fixture
def options(tiny: list[str], tmp_path: Path) -> list[str]:
    """ESMM that overfits 600 lines; 3,000 others to validate on."""
    write_lines(tmp_path / "valid", tiny_lines(3000, seed=3))
    rate = "hyper_parameters.optimizer.learning_rate=0.05"
    return [*tiny, rate, f"runner.valid_data_dir={tmp_path / 'valid'}", "runner.infer_end_epoch=null"]


def sigmoid(z: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-z))


def table(name: str) -> dict[str, np.ndarray]:
    return {k: np.array(v) for k, v in pyarrow.parquet.read_table(name).to_pydict().items()}


@pytest.mark.parametrize("mode", MODES)
def test_it_is_fitted_kept_and_applied(mode, tool: Tool, options):
    trainer, infer = MODES[mode]
    plain = tool(trainer, *options, "runner.model_save_path=plain")
    assert plain.code == 0
    outcome = tool(trainer, *options, "runner.calibration=platt")
    assert outcome.code == 0, outcome.err
    for file in ("rec.safetensors", "rec_static.safetensors"):
        if (path := Path("out/1") / file).exists():
            assert path.read_bytes() == (Path("plain/1") / file).read_bytes()
    told = json.loads(Path("out/1/calibration.json").read_text())["tasks"]
    assert told.keys() == TASKS.keys()
    assert "calibration of ctr: ece " in outcome.err
    assert not Path("out/0/calibration.json").exists()
    assert tool(infer, *options, "runner.predict_save_path=raw.parquet").code == 0
    outcome = tool(infer, *options, "runner.predict_save_path=right.parquet", "runner.calibration=platt")
    assert outcome.code == 0, outcome.err
    raw, right = table("raw.parquet"), table("right.parquet")
    metrics = json.loads(Path("out/1/metrics.json").read_text())
    for task, (label, among) in TASKS.items():
        curve, p = told[task]["overall"], raw[f"p{task}"].astype(float)
        expected = sigmoid(curve["slope"] * np.log(p / (1 - p)) + curve["offset"])
        np.testing.assert_allclose(right[f"p{task}"], expected, rtol=1e-4)
        rows = raw[among] == 1 if among else np.full(len(p), True)
        ratio = right[f"p{task}"][rows].sum() / raw[label][rows].sum()
        assert metrics[f"calibration_{task}"] == pytest.approx(ratio, rel=1e-5)


def test_a_finished_run_is_calibrated_by_resuming_it(tool: Tool, options):
    assert tool("trainer", *options).code == 0
    outcome = tool("infer", *options, "runner.calibration=isotonic")
    assert outcome.code == 2
    assert "out/1: has no calibration; training with runner.calibration fits one" in outcome.err.splitlines()[-1]
    before = Path("out/1/rec.safetensors").read_bytes()
    assert tool("trainer", *options, "runner.calibration=isotonic", "runner.resume=true").code == 0
    assert Path("out/1/rec.safetensors").read_bytes() == before
    assert tool("infer", *options, "runner.calibration=isotonic").code == 0
    assert "has a calibration, which is not applied" in tool("infer", *options).err
    outcome = tool("infer", *options, "runner.calibration=platt")
    assert outcome.code == 2
    assert "was fitted with kind: isotonic" in outcome.err.splitlines()[-1]
    outcome = tool("infer", *options, "runner.calibration=isotonic", "runner.infer_checkpoint=epochs")
    assert outcome.code == 2
    assert "out/0: has no calibration" in outcome.err.splitlines()[-1]
    text = Path("out/1/calibration.json").read_text()
    Path("out/1/calibration.json").write_text(text.replace('"rows"', '"lines"'))
    outcome = tool("infer", *options, "runner.calibration=isotonic")
    assert outcome.code == 2
    assert "calibration.json: its checksum differs" in outcome.err.splitlines()[-1]


def test_the_best_checkpoint_is_the_one_with_early_stop(tool: Tool, options):
    stop = ["runner.early_stop={metric: auc_ctcvr, patience: 2}", "runner.epochs=8", "runner.calibration=platt"]
    assert tool("trainer", *options, *stop).code == 0
    found = [path.parent for path in Path("out").glob("*/state.json")]
    values = {folder: json.loads((folder / "state.json").read_text())["metrics"]["auc_ctcvr"] for folder in found}
    best = max(values, key=lambda folder: values[folder])
    assert [path.parent for path in Path("out").glob("*/calibration.json")] == [best]
    assert tool("infer", *options, *stop).code == 0


@pytest.mark.parametrize("mode", MODES)
def test_by_a_field(mode, tool: Tool, options):
    trainer, infer = MODES[mode]
    by = "runner.calibration={kind: platt, by: item, shrinkage: 20}"
    trained = tool(trainer, *options, by)
    assert trained.code == 0, trained.err
    assert tool(infer, *options, "runner.predict_save_path=raw.parquet").code == 0
    assert tool(infer, *options, by, "runner.predict_save_path=right.parquet").code == 0
    raw, right = table("raw.parquet"), table("right.parquet")
    items = [int(next(t for t in line.split(",") if t.startswith("item:"))[5:]) for line in tiny_lines(200, seed=2)]
    task = json.loads(Path("out/1/calibration.json").read_text())["tasks"]["ctr"]
    assert set(task["values"]) <= set(map(str, range(20, 40)))  # ids of lines of text are the table's rows
    assert len(task["values"]) > 10
    assert f"calibration of ctr by item: {len(task['values'])} of 20 values have a curve of their own" in trained.err

    def of(curve: dict, p: float) -> float:
        return float(sigmoid(curve["slope"] * np.log(p / (1 - p)) + curve["offset"]))

    for item, p, found in zip(items, raw["pctr"].astype(float), right["pctr"], strict=True):
        expected, own = of(task["overall"], p), task["values"].get(str(item))
        if own:
            expected = own["share"] * of(own, p) + (1 - own["share"]) * expected
        assert found == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["runner.valid_data_dir=null"], "runner.calibration needs runner.valid_data_dir or data.valid"),
        (["runner.valid_data_dir=COPY"], "runner.valid_data_dir holds rows that are trained on"),
        (["runner.valid_data_dir=LINK"], "runner.valid_data_dir holds rows that are trained on"),
        (["runner.calibration={kind: platt, by: itm}"], "itm is none of the fields (did you mean item?)"),
        (["runner.calibration={kind: platt, by: tags}"], "runner.calibration.by: tags has several values in a row"),
        (["runner.infer_checkpoint=best"], "set runner.best_metric"),
        (["runner.calibration=plat"], "runner.calibration.kind should be 'platt' or 'isotonic', got 'plat'"),
        (["runner.calibration={kind: platt, shrinkage: 7}"], "shrinkage is of the fits by a field"),
    ],
)
@pytest.mark.parametrize("more", [[], ["--dry-run"]])
def test_mistakes_end_in_one_line_before_training(given, message, more, tool: Tool, options, tmp_path):
    write_lines(tmp_path / "copy", tiny_lines(600, seed=1))
    write_lines(tmp_path / "link", tiny_lines(50, seed=9))
    (tmp_path / "link" / "more.txt").symlink_to(tmp_path / "train" / "part-0.txt")
    given = [each.replace("COPY", str(tmp_path / "copy")).replace("LINK", str(tmp_path / "link")) for each in given]
    outcome = tool("trainer", *options, "runner.calibration=platt", *given, *more)
    assert outcome.code == 2
    assert message in outcome.err.splitlines()[-1]
    assert not Path("out").exists() or not list(Path("out").iterdir())


def test_what_has_too_few_positives_stays_as_it_is(tool: Tool, options, tmp_path):
    write_lines(tmp_path / "few", tiny_lines(30, seed=4))
    outcome = tool("trainer", *options, "runner.calibration=platt", f"runner.valid_data_dir={tmp_path / 'few'}")
    assert outcome.code == 0, outcome.err
    assert "ctcvr is not calibrated: " in outcome.err
    told = json.loads(Path("out/1/calibration.json").read_text())["tasks"]
    assert "ctcvr" not in told
    assert tool("infer", *options, "runner.calibration=platt").code == 0


@pytest.mark.parametrize("name", ["trainer", "infer"])
def test_paddlerec_s_models_are_refused(name, tool: Tool, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    directory = ROOT / "tests" / "contract" / "directories" / "rows_fm" / "config.yaml"
    outcome = tool(name, "-m", directory, "-o", "runner.calibration=platt")
    assert outcome.code == 2
    assert "runner.calibration: PaddleRec's models do not tell" in outcome.err.splitlines()[-1]


def test_a_calibration_that_does_not_help_is_warned_of(tool: Tool, options, tmp_path):
    """Of 60 rows: a curve of 30 is noise to the other 30."""
    write_lines(tmp_path / "few", tiny_lines(60, seed=8))
    rate = "hyper_parameters.optimizer.learning_rate=0.001"  # which leaves predictions near 1/2 and has nothing to mend
    more = ["runner.calibration=isotonic", f"runner.valid_data_dir={tmp_path / 'few'}", rate]
    outcome = tool("trainer", *options, *more)
    assert outcome.code == 0, outcome.err
    assert "calibration of ctr: it makes nothing better" in outcome.err
