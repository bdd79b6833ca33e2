"""Fields that a table's rows share are held once a batch; everything else is as without."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from rec.data.batch import Batch
from rec.data.plan import ReadPlan
from rec.errors import UserError
from support import ROOT, Tool, write_lines
from tables import reader

REQUESTS, EACH = 30, 4
FIELDS = {
    "past": {"separator": "|", "shares": "item"},
    "user": None,
    "tags": {"separator": "|", "pairs": ":", "pooling": "weighted"},
    "item": None,
}
COMMON = {"by": ["user", "day"], "fields": ["past", "tags", "user"]}


def lines() -> list[str]:
    random, found = np.random.default_rng(0), []
    for request in range(REQUESTS):
        past = "|".join(map(str, random.integers(0, 9, request % 5)))
        tags = "|".join(
            f"{tag}:{weight}" for tag, weight in zip("abc", (1, 2, 3), strict=True) if random.random() < 0.5
        )
        for _ in range(EACH):
            click, buy = random.integers(0, 2, 2)
            found.append(f"{request % 7},{request},{past},{tags},{random.integers(0, 9)},{click},{buy}")
    return found


def data(**more: object) -> dict[str, object]:
    labels = {"click": "click", "conversion": "buy"}
    return {"labels": labels, "fields": FIELDS, "unknown_rate": 0.0, **more}


def expanded(batch: Batch) -> dict[str, list[list[tuple[int, float]]]]:
    """By field each impression's ids and weights."""
    found = {}
    for bags in batch.bags:
        ids, f, o = batch.rows[bags.positions], bags.num_field, bags.offsets
        rows = np.arange(len(batch)) if bags.row_index is None else bags.row_index
        for k, name in enumerate(bags.fields):
            places = [slice(o[r * f + k], o[r * f + k + 1]) for r in rows]
            weights = np.ones(len(ids)) if bags.weights is None else bags.weights
            found[name] = [list(zip(ids[p].tolist(), weights[p].tolist(), strict=True)) for p in places]
    return found


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_lines(tmp_path / "data", ["user,day,past,tags,item,click,buy", *lines()])
    return tmp_path


@pytest.mark.parametrize("training", [False, True])
def test_what_impressions_hold_is_the_same(table: Path, training: bool):
    plan = ReadPlan(batch_size=24, training=training, seed=5)
    plain, shared = reader(table, data=data()), reader(table, data=data(common=COMMON))
    assert [(block.fields, block.shared) for block in shared.blocks] == [
        (("past", "user", "tags"), True),
        (("item",), False),
    ]
    for a, b in zip(plain.batches(plan), shared.batches(plan), strict=True):
        assert b.bags[0].num_row == 24 // EACH
        assert b.sample_ids.tolist() == a.sample_ids.tolist()
        assert expanded(b) == expanded(a)


def test_runs_stay_together_in_the_shuffle(table: Path):
    """A run is cut at one of 64 places, and has three; requests are mixed, anew in each epoch."""
    source = reader(table, data=data(common=COMMON), label_policy="keep")
    orders = []
    for epoch in (0, 1):
        plan = ReadPlan(batch_size=16, training=True, shuffle=True, seed=5, epoch=epoch)
        orders.append([int(row) for batch in source.batches(plan) for row in batch.sample_ids])
        together = sum(a // EACH == b // EACH for a, b in itertools.pairwise(orders[-1]))
        assert together >= 0.8 * REQUESTS * (EACH - 1)
        assert sorted(orders[-1]) == list(range(REQUESTS * EACH))
    assert orders[0] != orders[1]


@pytest.mark.parametrize(("column", "field"), [(2, "past"), (3, "tags")])
def test_a_field_that_they_do_not_share(table: Path, column: int, field: str):
    rows = [line.split(",") for line in lines()]
    rows[9][column] = "a:1.5" if field == "tags" else "3|3|3"
    write_lines(table / "data", ["user,day,past,tags,item,click,buy", *(",".join(row) for row in rows)])
    message = rf"row 10: field {field} is another than in .*row 9, of the same user and day: leave it out"
    with pytest.raises(UserError, match=message):
        reader(table, data=data(common=COMMON))


@pytest.mark.parametrize("wide", [False, True], ids=["of one width", "of several widths, some the largest"])
def test_training_is_the_same_in_both_modes_and_prepared(table: Path, tool: Tool, wide: bool):
    """To rounding as without: a row's gradients are summed before they reach the table, and not after."""
    names, dim = ("past, tags, user, last, best", ", dim: 3") if wide else ("past, tags, user", "")
    shared = f"data.common={{by: [user, day], fields: [{names}]}}"
    largest = "pooling: max, separator: '|', column: past"
    more = f"last: {{{largest}, sequence: 2}}, best: {{{largest}, sequence: 3, dim: 2}}," if wide else ""
    Path("config.yaml").write_text(
        f"model: {ROOT / 'models' / 'rank' / 'din'}\n"
        "runner: {train_data_dir: data, epochs: 2, train_batch_size: 24, shuffle: false, infer_checkpoint: latest}\n"
        "data:\n  labels: {click: click, conversion: buy}\n  unknown_rate: 0.0\n"
        f"  fields: {{past: {{separator: '|', shares: item}}, user: , {more}\n"
        f"           tags: {{separator: '|', pairs: ':', pooling: weighted{dim}}}, item: }}\n"
        "hyper_parameters: {optimizer: {class: SGD, learning_rate: 0.5}, sparse_feature_dim: 4, tower_fc_sizes: [8],\n"
        "  behaviours: {click: }, interaction: {kind: din, attend: {past: item}, length: 4}}\n"
    )

    def succeed(name: str, *arguments: str) -> None:
        outcome = tool(name, "-m", "config.yaml", *arguments)
        assert outcome.code == 0, outcome.err

    succeed("trainer", "-o", "runner.model_save_path=plain")
    for prefix, folder in (("", "shared"), ("static_", "static")):
        succeed(f"{prefix}trainer", "-o", f"runner.model_save_path={folder}", shared)
    succeed("prepare", "ready", "-o", shared)
    succeed("trainer", "-o", "runner.model_save_path=prepared", shared, "runner.train_data_dir=ready")
    expected = load_file("shared/1/rec.safetensors")
    for folder, name in (("plain", "rec"), ("static", "rec_static"), ("prepared", "rec")):
        found = load_file(f"{folder}/1/{name}.safetensors")
        for key, value in expected.items():
            if folder == "prepared":
                assert (found[key] == value).all(), key
            else:
                assert found[key] == pytest.approx(value, rel=1e-4, abs=1e-6), (folder, key)
