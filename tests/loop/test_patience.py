"""When a training has waited long enough, worked out by hand."""

from rec.config.early_stop import EarlyStop
from rec.loop.patience import Patience


def waited(rule: EarlyStop, values: list[float | None]) -> list[int]:
    """How long it had waited after each validation."""
    patience, found = Patience(), []
    for step, value in enumerate(values):
        patience = patience.after(rule, {rule.metric: value}, step)
        found.append(patience.waited)
    return found


def test_the_highest_auc_and_the_lowest_loss():
    values = [0.5, 0.7, 0.6, 0.7, 0.71, None]
    assert waited(EarlyStop(metric="auc_ctr"), values) == [0, 0, 1, 2, 0, 1]
    assert waited(EarlyStop(metric="logloss_ctr"), values) == [0, 1, 2, 3, 4, 5]
    assert waited(EarlyStop(metric="auc_ctr"), [None, 0.2]) == [1, 0]


def test_better_by_too_little_is_not_better():
    """Small gains add up: each is compared with the best of before, not with the validation before."""
    rule = EarlyStop(metric="auc_ctr", min_delta=0.01)
    assert waited(rule, [0.5, 0.5078125, 0.515625, 0.52]) == [0, 1, 0, 1]


def test_a_validation_counts_once():
    rule = EarlyStop(metric="auc_ctr", patience=1)
    once = Patience().after(rule, {"auc_ctr": 0.6}, 7)
    again = once.after(rule, {"auc_ctr": 0.5}, 7)
    assert again == once
    assert not again.over(rule)
    assert again.after(rule, {"auc_ctr": 0.5}, 8).over(rule)
    assert not again.after(rule, {"auc_ctr": 0.5}, 8).over(None)
    assert Patience(**once.state()) == once
