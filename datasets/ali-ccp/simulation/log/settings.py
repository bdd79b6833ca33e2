"""What `simulate_table.py` can be told; its options are made of these fields."""

from dataclasses import MISSING, dataclass

from simulation.settings import choice, knob

HISTORIES = ("none", "pooled", "order")
LAWS = ("none", "exponential", "weibull", "mixture")


@dataclass(frozen=True, kw_only=True)
class LogSettings:
    """Size, seed and knobs of one log; equal settings give equal bytes."""

    impressions: int = knob(MISSING, 1, 10**9, "impressions in train, or of all days")
    days: int = knob(0, 0, 365, "0: train and test; else so many days, a file each, of about equal size")
    test_impressions: int = knob(
        None, 1, 10**9, "impressions in test, the last day (default: a quarter of train's); with --days there is none"
    )
    seed: int = knob(1, 0, 2**62, "names the world: its ids, its people, its truth")
    click_rate: float = knob(0.1, 0.001, 0.9, "clicks per impression, in train")
    conversion_rate: float = knob(0.1, 0.001, 0.9, "conversions per click, in train")
    selection_bias: float = knob(
        0.4,
        0.0,
        1.0,
        "correlation of what makes people convert with what makes them click, and how far conversion follows another "
        "rule where clicks are unlikely; 0: none",
    )
    categories: int = knob(
        0, 0, 10_000, "of the items; 0: as many as grow with the root of the impressions, 10 or more"
    )
    user_impressions: int = knob(200, 5, 10_000, "impressions of a user, in the mean")
    smooth: float = knob(
        0.5, 0.0, 4.0, "standard deviation of what the price, smooth in its log, adds to a click's logit"
    )
    steps: float = knob(0.5, 0.0, 4.0, "standard deviation of what the age, in steps, adds to a click's logit")
    history: str = choice(
        "order",
        HISTORIES,
        "a click depends on how well the item matches those of its category among the history's items, the recent ones "
        "most (order), on the mean of the history alone (pooled), or on neither (none)",
    )
    new_users: float = knob(
        0.1, 0.0, 1.0, "share of test's impressions whose user never occurs in train; of a day's, on the days before"
    )
    new_items: float = knob(0.1, 0.0, 1.0, "the same of items")
    drift: float = knob(
        0.0,
        0.0,
        4.0,
        "standard deviation of what the time, day by day and category by category, adds to a conversion's logit",
    )
    delay: str = choice(
        "none",
        LAWS,
        "how long after its click a conversion comes: columns conversion_time and delay_scale (log/delay.py)",
    )
    delay_days: float = knob(1.0, 0.001, 365.0, "of the delay's law: the median of delay_scale, in days")
    delay_spread: float = knob(
        0.7, 0.0, 3.0, "standard deviation of the logarithm of delay_scale, half of it the price's and half the user's"
    )
    attribution_days: float = knob(7.0, 0.01, 365.0, "a conversion comes so many days after its click at most")

    def __post_init__(self) -> None:
        if self.test_impressions is None:
            object.__setattr__(self, "test_impressions", max(1, self.impressions // 4))
