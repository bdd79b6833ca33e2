"""A formula's score, its file, and that a service needs nothing else for it."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from rec.errors import UserError
from rec.fuse.formula import Formula
from support import ROOT

COLUMNS = {"pctr": np.array([0.5, 0.25]), "price": np.array([4.0, 0.0]), "other": np.array([1.0, 1.0])}


def test_scores():
    power = Formula(form="power", terms={"pctr": 2.0, "price": 0.5})
    assert power.score(COLUMNS).tolist() == pytest.approx([0.25 * 2, 0.0625 * 1e-6])
    assert Formula(form="additive", terms={"pctr": 2.0, "price": -0.5}).score(COLUMNS).tolist() == [-1.0, 0.5]
    logistic = Formula(form="logistic", terms={"pctr": 1.0}, bias=np.log(2.0))
    assert logistic.score(COLUMNS).tolist() == pytest.approx([1 / 2, 0.5 / 1.5])  # odds 2 x
    assert (str(power), str(logistic)) == ("pctr^2 * price^0.5", "sigmoid(0.693 + 1 log pctr)")


def test_values_that_are_not_known():
    prices = {"price": np.array([np.nan, 3.0])}
    assert Formula(form="additive", terms={"price": 2.0}, missing={"price": 5.0}).score(prices).tolist() == [10, 6]
    with pytest.raises(UserError, match="needs price, which is empty in row 1"):
        Formula(form="power", terms={"price": 2.0}).score(prices)
    with pytest.raises(UserError, match="needs pctr, and has price"):
        Formula(form="power", terms={"pctr": 2.0}).score(prices)


def test_a_file(tmp_path):
    formula = Formula(form="logistic", terms={"pctr": 0.1, "price": -1 / 3}, bias=-2.5, missing={"price": 7.25})
    formula.save(tmp_path)
    assert Formula.load(tmp_path / "formula.json") == formula
    with pytest.raises(UserError, match="no such file"):
        Formula.load(tmp_path / "absent.json")
    for text in ("{", "[]", '{"form": "power", "terms": {}}', '{"form": "cube", "terms": {"a": 1}}',
                 '{"form": "power", "terms": {"a": 1}, "more": 1}',
                 '{"form": "power", "terms": {"a": NaN}}'):  # fmt: skip
        (tmp_path / "formula.json").write_text(text)
        with pytest.raises(UserError, match="is no ranking formula"):
            Formula.load(tmp_path / "formula.json")


def test_a_service_needs_neither_paddle_nor_optuna():
    code = "import sys, rec.fuse.formula; print({'paddle', 'optuna', 'pyarrow'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT / "tools", capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
