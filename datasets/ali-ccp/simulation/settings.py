"""What a simulation can be told; the command line's options are made of these fields."""

from dataclasses import MISSING, dataclass, field
from typing import Any


def knob(default: Any, low: float, high: float, text: str) -> Any:
    """A setting that is a number from `low` to `high`, explained by `text`."""
    return field(default=default, metadata={"low": low, "high": high, "help": text})


def choice(default: str, choices: tuple[str, ...], text: str) -> Any:
    """A setting that is one of some words."""
    return field(default=default, metadata={"choices": choices, "help": text})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Size, seed and knobs of one simulation; equal settings give equal bytes."""

    exposures: int = knob(MISSING, 1, 10**9, "exposures in train")
    test_exposures: int = knob(None, 1, 10**9, "exposures in test (default: a quarter of train's)")
    seed: int = knob(1, 0, 2**62, "names the world: its ids, its people, its truth")
    click_rate: float = knob(0.0389, 0.001, 0.9, "clicks per exposure")
    conversion_rate: float = knob(0.0055, 0.001, 0.9, "conversions per click")
    selection_bias: float = knob(
        0.4,
        0.0,
        1.0,
        "correlation of what makes people convert with what makes them click, and how far conversion follows another "
        "rule where clicks are unlikely, which a log of clicks hardly shows; 0: none",
    )
    learnability: float = knob(
        0.5,
        0.0,
        1.0,
        "share of the logits' variance that ids can tell; the rest differs from exposure to exposure, nobody can learn "
        "it, and the truth's probabilities are averages over it",
    )
    history_scale: float = knob(1.0, 0.0, 4.0, "multiplies the tokens per history; 1 gives 629 tokens per exposure")
    exposures_per_common: float = knob(57.9, 1.0, 10_000.0, "mean exposures of one common row")
    cart_information: float = knob(
        0.7,
        0.0,
        1.0,
        "how much a cart tells of the conversion (--behaviours); 0: nothing, 1: nearly all go by the cart",
    )
    position_effect: float = knob(
        0.0,
        0.0,
        3.0,
        "p(examined) = position ^ -X, and only what is examined is clicked; 0: positions do not matter "
        "(needs --behaviours)",
    )

    hidden_confounding: float = knob(
        0.0,
        0.0,
        3.0,
        "how far a hidden state of each exposure, +1 or -1, moves both logits, so that conversions of clicks are not "
        "missing at random: p_conversion is of what would be if all clicked, and clicks convert more often; 0: none",
    )
    drift: float = knob(
        0.0,
        0.0,
        1.0,
        "how far conversions in test follow another rule than in train, as a share of 90 degrees; 0: the same",
    )

    def __post_init__(self) -> None:
        if self.test_exposures is None:
            object.__setattr__(self, "test_exposures", max(1, self.exposures // 4))
