"""The same training in both graph modes, and checkpoints that pass between them."""

import json
import re
from pathlib import Path

import pyarrow.csv
import pyarrow.parquet
import pytest
import yaml
from safetensors.numpy import load_file

from support import Tool, write_lines

STEP = re.compile(r"epoch: (\d+), batch_id: (\d+), loss: ([\d.]+), loss_ctr: ([\d.]+), loss_ctcvr: ([\d.]+), ")


def losses(log: str) -> list[tuple[float, ...]]:
    return [tuple(map(float, match.groups())) for match in STEP.finditer(log)]


@pytest.fixture
def both(tool: Tool, tiny: list[str]) -> dict[str, str]:
    """Logs of 100 steps (5 epochs of 20) in each mode; checkpoints in `dygraph` and `static`."""
    options = ["runner.epochs=5", "runner.train_batch_size=30", "runner.print_interval=1", "runner.infer_end_epoch=5"]
    tiny += options
    logs = {}
    for mode, name in (("dygraph", "trainer"), ("static", "static_trainer")):
        outcome = tool(name, *tiny, f"runner.model_save_path={mode}")
        assert outcome.code == 0, outcome.err
        logs[mode] = outcome.err
    return logs


def metrics_of(folder: str) -> dict:
    return json.loads((Path(folder) / "4" / "metrics.json").read_text())


def test_modes_agree_and_read_each_others_checkpoints(both, tiny, tool):
    dynamic, static = losses(both["dygraph"]), losses(both["static"])
    assert len(dynamic) == 100
    for a, b in zip(dynamic, static, strict=True):
        assert a == pytest.approx(b, rel=1e-5)
    assert dynamic[-1][2] < dynamic[0][2]

    a, b = (
        load_file(Path(mode) / "4" / f"{file}.safetensors")
        for mode, file in (("dygraph", "rec"), ("static", "rec_static"))
    )
    assert a.keys() == b.keys()
    for name, value in a.items():
        assert value == pytest.approx(b[name], rel=1e-4, abs=1e-6)

    found = {}
    for reader in ("infer", "static_infer"):
        for folder in ("dygraph", "static"):
            assert tool(reader, *tiny, f"runner.infer_load_path={folder}").code == 0
            found[reader, folder] = metrics_of(folder)["tasks"]
    for task, values in found["infer", "dygraph"].items():
        for folder in ("dygraph", "static"):
            assert found["infer", folder][task] == pytest.approx(found["static_infer", folder][task], rel=1e-6)
        assert values["auc"] == pytest.approx(found["infer", "static"][task]["auc"], abs=1e-4)


def test_infer_counts_every_impression_and_writes_predictions_in_input_order(tool, tiny):
    assert tool("trainer", *tiny).code == 0
    outcome = tool("infer", *tiny, "runner.predict_save_path=p.csv", "runner.infer_checkpoint=latest")
    assert outcome.code == 0, outcome.err
    assert "CTCVR" in outcome.out
    assert tool("static_infer", *tiny, "runner.predict_save_path=p.parquet").code == 0
    csv, parquet = pyarrow.csv.read_csv("p.csv"), pyarrow.parquet.read_table("p.parquet")
    assert csv.column_names == parquet.column_names == ["sample_id", "click", "conversion", "pctr", "pcvr", "pctcvr"]
    assert csv["sample_id"].to_pylist() == parquet["sample_id"].to_pylist() == list(range(200))
    product = [a * b for a, b in zip(csv["pctr"].to_pylist(), csv["pcvr"].to_pylist(), strict=True)]
    assert csv["pctcvr"].to_pylist() == pytest.approx(product, rel=1e-4)
    metrics = json.loads(Path("out/1/metrics.json").read_text())
    assert metrics["impressions"] == 200
    assert metrics["tasks"]["ctr"]["positives"] == sum(csv["click"].to_pylist())
    assert 0.5 < metrics["auc_ctr"] < 1
    assert not list(Path().glob(".p.*"))


def test_one_class_data_gives_no_number(tool, tiny, tmp_path):
    assert tool("trainer", *tiny).code == 0
    (tmp_path / "test" / "part-0.txt").write_text("1,1,0,user:1\n2,0,0,user:2\n")
    outcome = tool("infer", *tiny, "runner.infer_checkpoint=latest")
    assert "auc_ctcvr: undefined (n positives = 0)" in outcome.err
    assert json.loads(Path("out/1/metrics.json").read_text())["tasks"]["ctcvr"]["auc"] is None


def test_dry_run_writes_nothing(tool, tiny, tmp_path):
    before = sorted(tmp_path.rglob("*"))
    outcome = tool("trainer", *tiny, "--dry-run")
    assert outcome.code == 0, outcome.err
    # towers: (12 * 8 + 8) + (8 + 1) each; table: 60 x 4
    assert re.search(r"embedding.weight\s+│\s+240 ", outcome.out)
    assert re.search(r"total\s+│\s+466 ", outcome.out)
    assert "first batch: 32 impressions" in outcome.out
    assert sorted(tmp_path.rglob("*")) == before


def test_the_config_that_a_dry_run_prints_is_the_config(tool, tiny):
    """Whatever the terminal's width; and `:100:` is no picture."""
    path = f"out:100:{'x' * 200}/[b]"
    outcome = tool("trainer", *tiny, f"runner.model_save_path={path}", "--dry-run")
    assert outcome.code == 0, outcome.err
    assert yaml.safe_load(outcome.out.partition(" parameters")[0])["runner"]["model_save_path"] == path


def test_a_dry_run_computes_the_loss_as_the_first_step_does(tool, tiny):
    for name in ("trainer", "static_trainer"):
        dry = tool(name, *tiny, "--dry-run")
        assert dry.code == 0, dry.err
        (loss,) = re.findall(r"^  loss: ([\d.]+), loss_ctr: [\d.]+, loss_ctcvr: [\d.]+$", dry.out, re.MULTILINE)
        first = losses(tool(name, *tiny, f"runner.model_save_path={name}", "runner.print_interval=1").err)[0]
        assert float(loss) == first[2]


def test_a_dry_run_where_the_first_rows_tell_nothing(tool, tiny, tmp_path):
    """Of 100 rows 70 have no label, and then a loss of 0; or ones that contradict each other, and are left out."""

    def arguments(name: str, first: str, count: int = 100) -> list:
        rows = [f"u{i % 5},i{i % 7},{first if i < 70 else '1,0'}" for i in range(count)]
        path = write_lines(tmp_path / name, ["user,item,seen,sold", *rows]) / "part-0.txt"
        path.rename(path.with_name("t.csv"))
        return [
            *tiny[:2], "-o", f"runner.train_data_dir={tmp_path / name}", "runner.train_reader_path=table_reader",
            "runner.train_batch_size=32", "runner.shuffle=false",
            "data={labels: {click: seen, conversion: sold}, fields: {user: , item: }}", "--dry-run",
        ]  # fmt: skip

    unknown, contradicting = arguments("unknown", ","), arguments("contradicting", "0,1")
    nothing = arguments("nothing", "0,1", count=60)
    for name in ("trainer", "static_trainer"):
        outcome = tool(name, *unknown)
        assert outcome.code == 0, outcome.err
        assert "first batch: 32 impressions\n" in outcome.out
        assert "  loss: 0.000000, loss_ctr: 0.000000, loss_ctcvr: 0.000000\n" in outcome.out
        outcome = tool(name, *contradicting)
        assert outcome.code == 0, outcome.err
        assert "first batch: 26 impressions (the 2 before hold none to train on)\n" in outcome.out
        assert re.search(r"  loss: 0\.[1-9]\d+, loss_ctr: 0\.[1-9]", outcome.out)
        outcome = tool(name, *nothing)
        assert outcome.code == 2
        assert "nothing to train on: every batch is empty" in outcome.err.splitlines()[-1]


def test_validation_chooses_the_best_epoch(tool, tiny, tmp_path):
    options = [f"runner.valid_data_dir={tmp_path / 'test'}", "runner.best_metric=auc_ctr", "runner.epochs=4"]
    outcome = tool("trainer", *tiny, *options, "runner.keep_last=1")
    assert outcome.code == 0, outcome.err
    assert re.search(r" - validation, epoch: 0, batch_id: 0, auc_ctr: [\d.]+, ", outcome.err)
    assert re.search(r" - validation, epoch: 0 done, auc_ctr: [\d.]+, ", outcome.err)
    manifests = {p.parent.name: json.loads(p.read_text()) for p in Path("out").glob("*/state.json")}
    assert "3" in manifests
    outcome = tool("infer", *tiny, *options, "runner.infer_checkpoint=best")
    assert outcome.code == 0, outcome.err
    (best,) = Path("out").glob("*/metrics.json")
    measured = json.loads(best.read_text())["auc_ctr"]
    assert measured == pytest.approx(max(m["metrics"]["auc_ctr"] for m in manifests.values()), abs=1e-9)
    assert len(manifests) == (1 if best.parent.name == "3" else 2)


@pytest.mark.parametrize("save_format", ["safetensors", "pdparams"])
def test_weights_to_start_from(tool, tiny, save_format):
    assert tool("trainer", *tiny, f"runner.save_format={save_format}").code == 0
    scratch = losses(tool("trainer", *tiny, "runner.model_save_path=b").err)
    warm = losses(tool("static_trainer", *tiny, "runner.model_save_path=c", "runner.model_init_path=out/1").err)
    assert warm[0][2] < scratch[0][2]


def test_curves_are_written(tool, tiny, monkeypatch, tmp_path):
    monkeypatch.setattr("rec.report.curves.Curves.__init__", curves_in(tmp_path))
    assert tool("trainer", *tiny, "runner.use_visual=true").code == 0
    assert list((tmp_path / "curves").iterdir())


def curves_in(folder: Path):
    from rec.report import curves

    def init(self, config, part) -> None:
        self._writer = curves._open(str(folder / "curves"))

    return init
