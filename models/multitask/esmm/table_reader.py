"""A CSV or Parquet table of your own; the config's `data` section says what its columns are."""

from rec.data.labels import LabelRules
from rec.data.native import NativeReader


class RecDataset(NativeReader):
    """Click and conversion; a conversion without a click is excluded."""

    rules = LabelRules(columns=("click", "conversion"), implies=(("conversion", "click"),))
