"""The log as arrays: what a part is, what has been seen so far, and what happens at some requests in a row."""

from typing import NamedTuple

import numpy as np

from simulation.log.rule import LENGTH
from simulation.log.world import World
from simulation.requests import REQUEST as SIZE

DAY = 86_400_000_000
"""Microseconds."""


class Part(NamedTuple):
    """Train or test, or one of many days: how much happens when. Requests are numbered through all parts."""

    later: bool  # whether users and items are those seen before, and new ones
    remembers: bool  # whether what is in it is seen before in later parts
    impressions: int
    first_request: int
    requests: int
    first_day: int
    days: int
    new_users: float
    new_items: float
    known_users: int  # new ones are numbered from here on
    known_items: int


class State(NamedTuple):
    """What the log has seen so far."""

    clicked: np.ndarray  # (users, LENGTH) int32: a user's click number n is at n % LENGTH
    clicks: np.ndarray  # (users,) int64
    seen_users: np.ndarray  # (users,) bool: in train, or on the days before
    seen_items: np.ndarray  # (items,) bool


class Block(NamedTuple):
    """n impressions of some requests in a row."""

    request: np.ndarray  # (n,) int64: counted from the block's first
    time: np.ndarray  # (n,) int64: microseconds since the log's first midnight
    user: np.ndarray  # (n,) int64
    item: np.ndarray  # (n,) int64
    price: np.ndarray  # (n,) float64
    click_logit: np.ndarray  # (n,) float64, without its intercept
    conversion_logit: np.ndarray  # (n,) float64, without its intercept
    p_click: np.ndarray  # (n,) float64
    p_conversion: np.ndarray  # (n,) float64: given a click
    click: np.ndarray  # (n,) int8
    conversion: np.ndarray  # (n,) int8
    history: np.ndarray  # (t,) int32: items clicked before each of the requests, oldest first
    history_end: np.ndarray  # (requests,) int64


def new_state(world: World) -> State:
    """Nobody has clicked, nothing has been seen."""
    users, items = world.all_users, world.all_items
    clicked, clicks = np.zeros((users, LENGTH), np.int32), np.zeros(users, np.int64)
    return State(clicked, clicks, np.zeros(users, bool), np.zeros(items, bool))


def new_block(requests: int) -> Block:
    """Room for so many requests."""
    rows = requests * SIZE
    whole_numbers, numbers = (np.empty(rows, np.int64) for _ in range(4)), (np.empty(rows) for _ in range(5))
    request, time, user, item = whole_numbers
    labels = np.empty(rows, np.int8), np.empty(rows, np.int8)
    histories = np.empty(requests * LENGTH, np.int32), np.empty(requests, np.int64)
    return Block(request, time, user, item, *numbers, *labels, *histories)
