"""Raw rows are scored with the calibration, by a checkpoint and by what was exported of it."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from rec.scoring import Scorer
from rec.serving.served import Served
from support import Tool, tiny_lines, write_lines


def rows(lines: list[str]) -> list[dict[str, list[int]]]:
    found: list[dict[str, list[int]]] = []
    for line in lines:
        row: dict[str, list[int]] = {}
        for token in line.split(",")[3:]:
            field, value = token.split(":")
            row.setdefault(field, []).append(int(value))
        found.append(row)
    return found


@pytest.mark.parametrize("kind", ["platt", "isotonic", "{kind: platt, by: item}"])
def test_scores_are_infer_s(kind, tool: Tool, tiny, tmp_path):
    write_lines(tmp_path / "valid", tiny_lines(3000, seed=3))
    options = [
        *tiny, "hyper_parameters.optimizer.learning_rate=0.05", f"runner.valid_data_dir={tmp_path / 'valid'}",
        "runner.infer_end_epoch=null", f"runner.calibration={kind}",
    ]  # fmt: skip
    for name in ("trainer", "infer"):
        outcome = tool(name, *options, "runner.predict_save_path=p.parquet")
        assert outcome.code == 0, outcome.err
    outcome = tool("export", *options[:2], "--to", "exported", *options[2:])
    places = ["out", "exported"]
    if "by" in kind:
        assert outcome.code == 2
        assert "curves for each item cannot be exported" in outcome.err.splitlines()[-1]
        places = ["out"]
    else:
        assert outcome.code == 0, outcome.err
        assert json.loads(Path("exported/export.json").read_text())["calibration"]["kind"] == kind
        assert Served.load(Path("exported")).formula.terms == {"pctcvr": 1.0}  # no product of calibrated parts
        assert f"Probabilities are calibrated ({kind})." in Path("exported/README.md").read_text()
    expected = pq.read_table("p.parquet")
    for place in places:
        scores = Scorer(place).score(rows(tiny_lines(200, seed=2)))
        for name in ("pctr", "pcvr", "pctcvr"):
            assert scores[name] == pytest.approx(expected[name].to_numpy(), abs=1e-5), (place, name)
