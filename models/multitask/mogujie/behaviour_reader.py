"""Impressions with the labels that the config's behaviours need, and prices."""

from typing import ClassVar

from rec.data.behaviours import BehaviourReader


class RecDataset(BehaviourReader):
    """The price weighs conversions and corrects predictions."""

    more: ClassVar = {"price": "not negative"}
