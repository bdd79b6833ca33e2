"""Each fault is planted in healthy data, and must be found; in healthy data nothing is."""

from __future__ import annotations

import random

import pytest
import yaml

from rec.doctor.finding import worst


def sole(troubles, check, severity, *texts):
    """All troubles are of one check, and the first says what it should."""
    assert {finding.check for finding in troubles} == {check}, troubles
    assert worst(troubles) == severity
    for text in texts:
        assert text in troubles[0].found, troubles
    assert troubles[0].advice


def labels(line):
    return tuple(map(int, line.split(",")[1:3]))


def with_token(line, token):
    return f"{line},{token}"


@pytest.mark.parametrize("mode", ["dygraph", "static"])
def test_healthy_data_and_model_are_left_in_peace(clinic, mode):
    assert clinic.troubles(mode) == []


def test_a_misspelt_hyper_parameter(clinic):
    clinic.settings["hyper_parameters.ctr_fc_size"] = "[8]"
    sole(clinic.troubles(), "config", "wrong", "ctr_fc_size is not used (did you mean ctr_fc_sizes?)")


def test_a_misspelt_runner_key_and_a_wrong_type_come_together(clinic):
    clinic.settings |= {"runner.epoch": 3, "runner.seed": "x"}
    troubles = clinic.troubles()
    assert [finding.check for finding in troubles] == ["config", "config"]
    said = " ".join(finding.found for finding in troubles)
    assert "runner.epoch is not a setting (did you mean epochs?)" in said
    assert "runner.seed should be an int, got 'x'" in said


def test_a_missing_key(clinic):
    path = clinic.copy_model() / "config.yaml"
    config = yaml.safe_load(path.read_text())
    del config["hyper_parameters"]["cvr_fc_sizes"]
    path.write_text(yaml.safe_dump(config))
    del clinic.settings["hyper_parameters.cvr_fc_sizes"]
    sole(clinic.troubles(), "config", "wrong", "hyper_parameters.cvr_fc_sizes is missing")


def test_an_absent_folder_and_an_absent_module(clinic):
    clinic.settings["runner.train_data_dir"] = "nowhere"
    sole(clinic.troubles(), "train reader", "wrong", "nowhere: no such data directory")
    clinic.settings["runner.train_reader_path"] = "no_reader"
    sole(clinic.troubles(), "model directory", "wrong", "has no no_reader.py")


def test_an_id_outside_the_table(clinic):
    clinic.test[700] = with_token(clinic.test[700], "tags:60")
    sole(clinic.troubles(), "test reader", "wrong", "part-0.txt:701", "id 60 of field tags is outside")


def test_a_label_that_is_neither_0_nor_1(clinic):
    sample_id, _, rest = clinic.test[3].split(",", 2)
    clinic.test[3] = f"{sample_id},2,{rest}"
    sole(clinic.troubles(), "test reader", "wrong", "part-0.txt:4", "label should be 0 or 1, found '2'")


def test_an_empty_label(clinic):
    sample_id, _, rest = clinic.test[3].split(",", 2)
    clinic.test[3] = f"{sample_id},,{rest}"
    sole(clinic.troubles(), "test labels", "warn", "click is empty in 1 of 2,000 rows")


def test_a_missing_field(clinic):
    clinic.test = [",".join(t for t in line.split(",") if not t.startswith("user:")) for line in clinic.test]
    sole(clinic.troubles(), "test rows", "wrong", "field user is missing from all 2,000 rows")


def test_a_constant_field(clinic):
    clinic.settings |= {"hyper_parameters.fields": "[user, item, tags, shop]", "hyper_parameters.num_field": 4}
    clinic.settings["hyper_parameters.sparse_feature_number"] = 62
    clinic.train = [with_token(line, "shop:60") for line in clinic.train]
    clinic.test = [with_token(line, f"shop:{60 + row % 2}") for row, line in enumerate(clinic.test)]
    sole(clinic.troubles(), "train rows", "warn", "field shop has the same value in all 3,000 rows")


def test_impressions_that_come_twice(clinic):
    clinic.train += clinic.train[:100]
    sole(clinic.troubles(), "train rows", "wrong", "100 of 3,100 rows (3.23%) are the same impression again")


def test_a_file_that_is_there_twice_under_other_ids(clinic):
    clinic.train += [f"again{line}" for line in clinic.train]
    troubles = clinic.troubles()
    assert "copies of others" in troubles[0].found
    # Every row's twin tells the test fold its label, so nothing else may be concluded; it is no more than a warning.
    assert troubles[0].severity == "warn"


def test_conversions_without_clicks_beyond_noise(clinic):
    clinic.train = [
        ",".join([line.split(",")[0], "0", *line.split(",")[2:]]) if labels(line) == (1, 1) and row % 3 == 0 else line
        for row, line in enumerate(clinic.train)
    ]
    found = clinic.troubles()[0]
    assert (found.check, found.severity) == ("train labels", "wrong")
    assert "have no click" in found.found


def test_two_conversions_without_clicks_are_noise(clinic):
    at = [row for row, line in enumerate(clinic.train) if labels(line) == (0, 0)][:2]
    for row in at:
        sample_id, _, _, rest = clinic.train[row].split(",", 3)
        clinic.train[row] = f"{sample_id},0,1,{rest}"
    notes = [finding for finding in clinic.examine() if "have no click" in finding.found]
    assert [note.severity for note in notes] == ["note"]
    assert notes[0].found.startswith("2 of ")
    assert clinic.troubles() == []


def test_a_field_that_says_the_conversion(clinic):
    clinic.settings["hyper_parameters.fields"] = "[user, item, tags, paid]"
    clinic.settings["hyper_parameters.sparse_feature_number"] = 62
    draw = random.Random(0)

    def paid(line):  # wrong in 2 of 100, as such fields are
        return with_token(line, f"paid:{60 + (labels(line)[1] ^ (draw.random() < 0.02))}")

    clinic.train, clinic.test = [paid(line) for line in clinic.train], [paid(line) for line in clinic.test]
    troubles = [finding for finding in clinic.troubles() if finding.check == "leakage"]
    assert {finding.values["field"] for finding in troubles} == {"paid"}
    assert {finding.values["task"] for finding in troubles} == {"cvr", "ctcvr"}
    assert worst(troubles) == "wrong"


def test_a_single_id_that_says_the_click(clinic):
    """It is in a fifth of the clicked impressions only: its AUC is .6, but it is never in another impression."""
    clinic.settings["hyper_parameters.sparse_feature_number"] = 61
    draw = random.Random(0)
    clinic.train = [
        with_token(line, "tags:60") if labels(line)[0] and draw.random() < 0.2 else line for line in clinic.train
    ]
    sole(clinic.troubles(), "leakage", "wrong", "id 60 of field tags alone tells click (ctr)")


def test_rare_ids_raise_no_alarm(clinic):
    """2,000 ids, each in one impression: hundreds of them were always clicked."""
    clinic.settings["hyper_parameters.sparse_feature_number"] = 2060
    clinic.train = [
        with_token(line, f"tags:{60 + row}") if row < 2000 else line for row, line in enumerate(clinic.train)
    ]
    assert clinic.troubles() == []


def test_testing_on_training_data(clinic):
    clinic.test = [f"t{line}" for line in clinic.train]
    sole(clinic.troubles(), "train/test overlap", "wrong", "100.0% of test rows have a twin in training")


def test_some_training_impressions_among_the_test_data(clinic):
    clinic.test += clinic.train[:200]
    sole(clinic.troubles(), "train/test overlap", "wrong", "200 of 2,200 test impressions are in training too")


def test_too_few_conversions_for_an_auc(clinic):
    """Of the 4 conversions left no AUC can be had whose standard error is below .1."""
    bought = [line for line in clinic.test if labels(line) == (1, 1)]
    clinic.test = [line for line in clinic.test if labels(line)[1] == 0] + bought[:4]
    troubles = clinic.troubles()
    assert [finding.check for finding in troubles] == ["test cvr", "test ctcvr"]
    assert all(finding.severity == "warn" and finding.values["standard_error"] > 0.1 for finding in troubles)


def test_no_conversion_at_all(clinic):
    clinic.test = [line for line in clinic.test if labels(line)[1] == 0]
    troubles = clinic.troubles()
    assert [finding.check for finding in troubles] == ["test cvr", "test ctcvr"]
    assert worst(troubles) == "wrong"


def test_a_learning_rate_that_explodes(clinic):
    clinic.settings["hyper_parameters.optimizer.learning_rate"] = 10.0
    troubles = clinic.troubles()
    assert troubles[0].check == "trial: loss"
    assert troubles[0].severity == "wrong"
    assert troubles[0].found.startswith("explodes: ")


def test_a_loss_that_is_not_finite(clinic):
    clinic.copy_model(
        lambda net: net.replace('(outputs["ctr"], labels["click"])', '(outputs["ctr"], labels["click"]) * float("inf")')
    )
    sole(clinic.troubles(), "trial: loss", "wrong", "not finite")


def test_a_learning_rate_of_nothing(clinic):
    clinic.settings["hyper_parameters.optimizer.learning_rate"] = 0.0
    sole(clinic.troubles(), "trial: loss", "warn", "does not fall")


PLANT = "        self.cvr = MLP(width, cvr_fc_sizes, between)\n"


def planted(line):
    """Adds a line to the network's constructor."""
    return lambda net: net.replace(PLANT, PLANT + f"        {line}\n")


def test_a_dead_tower(clinic):
    clinic.copy_model(planted("self.cvr.hidden[0].bias.set_value(self.cvr.hidden[0].bias - 5.0)"))
    troubles = clinic.troubles()
    assert "cvr.hidden.0: 100% of its ReLUs fire for none" in troubles[0].found
    assert "pcvr is 0." in troubles[1].found
    assert {finding.severity for finding in troubles} == {"wrong"}


def test_a_saturated_tower(clinic):
    clinic.copy_model(planted("self.ctr.logit.bias.set_value(self.ctr.logit.bias - 30.0)"))
    found = [finding for finding in clinic.troubles() if finding.check == "trial: towers"]
    assert {finding.severity for finding in found} == {"wrong"}
    assert "pctr is saturated: 100% of its logits" in found[0].found


def test_a_collapsed_cvr(clinic):
    clinic.copy_model(planted("self.cvr.logit.bias.set_value(self.cvr.logit.bias - 7.0)"))
    sole(clinic.troubles(), "trial: pcvr", "wrong", "collapsed: mean 0.00", "conversion rate 0.")


def test_a_part_without_gradient(clinic):
    clinic.copy_model(lambda net: net.replace("for logit in logits)", "for logit in [logits[0], logits[1].detach()])"))
    sole(clinic.troubles(), "trial: gradients", "wrong", "cvr gets no gradient")


def test_a_static_program_that_cannot_be_built(clinic):
    model = clinic.copy_model()
    (model / "static_model.py").write_text(
        (model / "static_model.py").read_text()
        + "\n    def create_feeds(self, is_infer=False):\n        raise RuntimeError('no feeds')\n"
    )
    sole(clinic.troubles("static"), "static program", "wrong", "static_model.py:14: RuntimeError: no feeds")
    assert clinic.troubles("dygraph") == []


def test_a_table_that_does_not_fit_in_memory(clinic):
    """2e9 rows of 400 float32 take 3.2 TB."""
    clinic.settings |= {
        "hyper_parameters.sparse_feature_number": 2_000_000_000,
        "hyper_parameters.sparse_feature_dim": 400,
    }
    found = clinic.troubles()
    assert found[0].check == "memory"
    assert found[0].severity == "wrong"
    assert "takes 3.2 TB, its optimizer state 6.41 TB" in found[0].found


def test_a_checkpoint_folder_that_cannot_be_written(clinic, monkeypatch):
    from rec.doctor import resources

    monkeypatch.setattr(resources.os, "access", lambda path, mode: False)
    sole(clinic.troubles(), "disk", "wrong", "is not writable")
