"""The columns of the table."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from simulation.chance import key
from simulation.compiled import compiled
from simulation.log.blocks import DAY, Block
from simulation.log.delay import Delay
from simulation.log.things import CITIES, TAGS, Items, Users
from simulation.log.world import USER, World

SCHEMA = pa.schema(
    {
        "request_id": pa.int64(),
        "ts": pa.timestamp("us"),
        "hour": pa.int8(),
        "user_id": pa.int64(),
        "age": pa.int16(),
        "city": pa.string(),
        "item_id": pa.string(),
        "category": pa.string(),
        "shop": pa.string(),
        "tags": pa.string(),
        "price": pa.float64(),
        "history": pa.string(),
        "history_categories": pa.string(),
        "click": pa.int8(),
        "conversion": pa.int8(),
        "p_click": pa.float64(),
        "p_conversion": pa.float64(),
    }
)
DELAY_SCHEMA = SCHEMA.append(pa.field("conversion_time", pa.timestamp("us"))).append(
    pa.field("delay_scale", pa.float64())
)
"""The same where conversions come with a delay."""

START = np.datetime64("2026-05-01", "us")
SEPARATOR = "|"

# A prime above every number of items: multiplying by it modulo that number is one to one.
_SCATTER = 2_654_435_761


class Columns:
    """How users and items are called, and the tables that tell of them."""

    def __init__(self, world: World, users: Users, items: Items, delay: Delay | None = None) -> None:
        self.world, self.users, self.items, self.delay = world, users, items, delay
        self.schema = SCHEMA if delay is None else DELAY_SCHEMA
        count = world.all_items
        self.user_names = _user_names(world.seed, len(users.age))
        # An item's name says nothing of its popularity or its category.
        self.item_names = _names("i", np.arange(count) * _SCATTER % count)
        self.categories, self.shops = _names("c", np.arange(world.categories)), _names("s", np.arange(world.shops))
        self.cities, names = _names("city", np.arange(CITIES)), _names("t", np.arange(TAGS))
        told = items.tags >= 0
        self.tags = _joined(names, items.tags[told], np.cumsum(told.sum(axis=1)))

    def table(self, first_request: int, block: Block) -> pa.Table:
        """A block's rows; its first request has that number."""
        user, item, age = block.user, block.item, self.users.age[block.user]
        histories = _joined(self.item_names, block.history, block.history_end)
        categories = _joined(self.categories, block.history % self.world.categories, block.history_end)
        columns = {
            "request_id": first_request + block.request,
            "ts": START + block.time.astype("timedelta64[us]"),
            "hour": (block.time // (DAY // 24) % 24).astype(np.int8),
            "user_id": self.user_names[user],
            "age": pa.array(age.astype(np.int16), mask=age < 0),
            "city": self.cities.take(pa.array(self.users.city[user])),
            "item_id": self.item_names.take(pa.array(item)),
            "category": self.categories.take(pa.array(item % self.world.categories)),
            "shop": self.shops.take(pa.array(self.items.shop[item])),
            "tags": self.tags.take(pa.array(item)),
            "price": block.price,
            "history": histories.take(pa.array(block.request)),
            "history_categories": categories.take(pa.array(block.request)),
            "click": block.click,
            "conversion": block.conversion,
            "p_click": block.p_click,
            "p_conversion": block.p_conversion,
        }
        if self.delay is not None:
            scale, days = self.delay.of(first_request, block)
            later = START + (block.time + np.round(DAY * days).astype(np.int64)).astype("timedelta64[us]")
            columns |= {"conversion_time": pa.array(later, mask=block.conversion == 0), "delay_scale": scale}
        return pa.table(columns, schema=self.schema)


@compiled
def _user_names(seed: int, count: int) -> np.ndarray:
    """int64 [count], of any size up to 2^63."""
    out = np.empty(count, np.int64)
    for user in range(count):
        out[user] = np.int64(key(seed, USER, user) >> np.uint64(1))
    return out


def _names(kind: str, numbers: np.ndarray) -> pa.StringArray:
    return pa.array([f"{kind}{number}" for number in numbers.tolist()], pa.string())


def _joined(names: pa.StringArray, tokens: np.ndarray, ends: np.ndarray) -> pa.StringArray:
    """Of lists that lie end to end, each up to its entry of `ends`, the names joined into one text."""
    offsets = pa.array(np.concatenate([[0], ends]).astype(np.int32))
    return pc.binary_join(pa.ListArray.from_arrays(offsets, names.take(pa.array(tokens))), SEPARATOR)
