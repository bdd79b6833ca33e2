"""scikit-learn's models get the rows and ids of the networks."""

import numpy as np
import pytest
import yaml

from support import ROOT

CONFIG = ROOT / "models" / "multitask" / "share_bottom" / "kuairand.yaml"


@pytest.fixture
def config_file(tmp_path):
    """1,000 rows of two fields: who is an even user clicks, and what is an even item is liked."""
    (tmp_path / "data").mkdir()
    rows = [f"u{n % 7},i{n % 11},{int(n % 7 % 2 == 0)},{int(n % 11 % 2 == 0)}" for n in range(1000)]
    (tmp_path / "data" / "t.csv").write_text("user,item,a,b\n" + "\n".join(rows) + "\n")
    tree = {
        "data": {"test_share": 0.3, "valid_share": 0.2, "labels": {"click": "a", "like": "b"},
                 "fields": {"user": None, "item": None}},
        "hyper_parameters": {"behaviours": {"click": None, "like": None}},
    }  # fmt: skip
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(tree, sort_keys=False))
    return tmp_path / "c.yaml"


def test_rows_ids_and_labels_belong_together(config_file, monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    from sklearn_models import one_hot, read

    parts = read(config_file, config_file.parent / "data")
    assert sum(len(part.ids) for part in parts.values()) == 1000
    assert len(parts["test"].ids) == pytest.approx(300, abs=45)
    for column, (label, even) in enumerate((("click", 4), ("like", 6))):
        of_label = [{*part.ids[part.labels[label] == 1, column].tolist()} for part in parts.values()]
        others = [{*part.ids[part.labels[label] == 0, column].tolist()} for part in parts.values()]
        assert all(len(ids) == even and ids == of_label[0] for ids in of_label)
        assert not set.union(*of_label) & set.union(*others)
    for name, x in one_hot(parts).items():
        assert np.asarray(x.sum(axis=1)).ravel().tolist() == [2] * len(parts[name].ids)
        assert (np.asarray(x.sum(axis=0)) > 0).sum() == 7 + 11, name


def test_more_than_one_value_in_a_field_is_refused(config_file, monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    from sklearn_models import read

    with (config_file.parent / "data" / "t.csv").open("a") as file:
        file.write(",i1,0,1\n" * 20)
    with pytest.raises(ValueError, match="a row has no value"):
        read(config_file, config_file.parent / "data")
