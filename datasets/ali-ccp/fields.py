"""What Ali-CCP's release holds, field by field: the figures that preparing, simulating and checking share.

The counts are those of the release's training part (42,300,135 exposures, 730,600 common rows).
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Field:
    """One field (slot) of the release."""

    name: str
    meaning: str
    common: bool
    """True: stands in the common (user) row; False: in the exposure's own (skeleton) row."""
    distinct: int
    """Distinct feature ids."""
    tokens: float
    """Mean number of tokens per exposure."""
    weighted: bool = False
    """True: values are log counts, ln(1 + n); False: every value is 1.0."""


FIELDS = (
    Field("101", "user id", True, 295_787, 0.998),
    Field("109_14", "user's categories of the last 14 days", True, 12_223, 69.0, weighted=True),
    Field("110_14", "user's shops of the last 14 days", True, 2_545_609, 250.0, weighted=True),
    Field("127_14", "user's brands of the last 14 days", True, 396_460, 153.6, weighted=True),
    Field("150_14", "user's intention nodes of the last 14 days", True, 99_226, 135.9, weighted=True),
    Field("121", "user class I", True, 97, 0.870),
    Field("122", "user class II", True, 13, 0.870),
    Field("124", "gender", True, 2, 0.870),
    Field("125", "age", True, 7, 0.870),
    Field("126", "consumption level I", True, 3, 0.416),
    Field("127", "consumption level II", True, 3, 0.870),
    Field("128", "works or not", True, 2, 0.870),
    Field("129", "geography class", True, 4, 0.637),
    Field("205", "item id", False, 3_206_396, 1.000),
    Field("206", "item category", False, 8_627, 1.000),
    Field("207", "item shop", False, 614_739, 1.000),
    Field("210", "item's intention nodes", False, 98_714, 6.10),
    Field("216", "item brand", False, 210_973, 0.712),
    Field("508", "109_14 x 206", False, 7_753, 0.696, weighted=True),
    Field("509", "110_14 x 207", False, 389_788, 0.221, weighted=True),
    Field("702", "127_14 x 216", False, 143_919, 0.224, weighted=True),
    Field("853", "150_14 x 210", False, 86_895, 1.40, weighted=True),
    Field("301", "position / business scenario", False, 3, 1.000),
)
"""All 23 fields, the common row's first: the order in which models see them."""

FIELD_NAMES = tuple(field.name for field in FIELDS)
COMMON_FIELDS = tuple(field for field in FIELDS if field.common)
OWN_FIELDS = tuple(field for field in FIELDS if not field.common)
