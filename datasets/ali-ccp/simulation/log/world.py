"""How large the shop is, and which of its things `chance.key` names."""

import math
from typing import NamedTuple

from simulation.log.settings import LogSettings

USER, ITEM, CATEGORY, SHOP, TAG, CITY, REQUEST, IMPRESSION, PRICE, PATIENCE, TREND = range(20, 31)
CATEGORY_SCALE = 0.2
"""Of the categories' power law, as a share of their number."""


class World(NamedTuple):
    """Sizes, as the compiled functions read them.

    New users and items, whom train never sees, are numbered last; of many days each after the first has so many.
    """

    seed: int
    users: int
    new_users: int
    items: int
    new_items: int
    categories: int
    shops: int
    fresh: int  # how many parts have new users and items

    @property
    def all_users(self) -> int:
        """New ones included."""
        return self.users + self.fresh * self.new_users

    @property
    def all_items(self) -> int:
        """New ones included."""
        return self.items + self.fresh * self.new_items


def build(settings: LogSettings) -> World:
    """The world of these settings: 400 impressions per item, but 10 items per category or more."""
    categories = settings.categories or max(10, math.ceil(math.sqrt(settings.impressions) / 20))
    per_category = max(10, math.ceil(settings.impressions / 400 / categories))
    users, items = math.ceil(settings.impressions / settings.user_impressions), categories * per_category
    return World(
        seed=settings.seed,
        users=users,
        new_users=math.ceil(users / 8),
        items=items,
        new_items=categories * math.ceil(per_category / 8),
        categories=categories,
        shops=math.ceil(items / 20),
        fresh=max(1, settings.days - 1),
    )
