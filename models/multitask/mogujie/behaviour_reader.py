"""Impressions with the labels that the config's behaviours need, and prices."""

from rec.data.behaviours import BehaviourReader


class RecDataset(BehaviourReader):
    """The price weighs conversions and corrects predictions."""

    more = ("price",)
