"""A vocabulary is made once of the same rows and settings, where training saves."""

from pathlib import Path

import pytest

from support import ROOT, Tool, write_lines

CONFIG = f"""
model: {ROOT / "models" / "rank" / "deepfm"}
runner: {{train_data_dir: data, epochs: 1, train_batch_size: 4, model_save_path: out, overwrite: true}}
data: {{labels: {{click: click}}, fields: {{user: , item: }}, min_count: 1}}
hyper_parameters: {{optimizer: {{class: Adam}}, behaviours: {{click: }}, sparse_feature_dim: 4, tower_fc_sizes: [4]}}
"""


@pytest.fixture
def train(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tool: Tool):
    monkeypatch.chdir(tmp_path)
    write_lines(Path("data"), ["user,item,click", *(f"u{n % 5},i{n % 3},{n % 2}" for n in range(20))])
    Path("config.yaml").write_text(CONFIG)

    def run(*overrides: str) -> tuple[bool, bytes]:
        """Whether an earlier vocabulary was taken, and the weights."""
        outcome = tool("trainer", "-m", "config.yaml", "-o", "runner.seed=1", *overrides)
        assert outcome.code == 0, outcome.err
        weights = Path("out/0/rec.safetensors")
        return "vocabulary: that of out/0" in outcome.err, weights.read_bytes()

    return run


def test_the_same_rows_and_settings(train):
    first, weights = train()
    again, others = train("runner.label_policy=keep")
    assert (first, again) == (False, True)
    assert weights == others


@pytest.mark.parametrize(
    "change", ["data.min_count=2", "data.fields={user: }", "data.hash_size=9", "data.valid_share=0.2", "rows", "damage"]
)
def test_anything_else_is_another(train, change):
    train()
    if change == "rows":
        write_lines(Path("data"), ["user,item,click", *(f"u{n % 5},i{n % 4},{n % 2}" for n in range(20))])
    elif change == "damage":
        path = Path("out/0/vocabulary.json")
        path.write_text(path.read_text().replace("u1", "u9"))
    assert not train(*([change] if "=" in change else []))[0]
