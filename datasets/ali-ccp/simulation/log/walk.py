"""The log, request by request in the order of time: who is shown what, who clicks, and how histories grow."""

import math
from collections.abc import Iterator

import numpy as np

from simulation.chance import key, mix, normal, popular, uniform, whole
from simulation.compiled import compiled
from simulation.log.blocks import DAY, SIZE, Block, Part, State, new_block
from simulation.log.rule import LENGTH, Rule, logits, price_of, pull_of_history
from simulation.log.things import INTERESTS, Items, Users, uniforms
from simulation.log.world import CATEGORY_SCALE, IMPRESSION, PRICE, REQUEST, TREND, World
from simulation.truth import scores

_HOUR = DAY // 24
_BLOCK = 1 << 14  # requests
_NEW, _WHICH, _SEEN = 0, 1, 100  # draws of a request
_ITEM_NEW, _INTEREST, _KIND, _CATEGORY, _RANK, _CLICK, _CONVERSION = range(7)  # draws of an impression
_OF_INTEREST, _POPULAR = 0.7, 0.1
_OF_ITEM, _OF_DAY = np.sqrt((0.6, 0.4))
_RHYTHM = 0.6 / (2 * math.pi)


def walk(
    world: World, users: Users, items: Items, rule: Rule, part: Part, state: State, step: int = 1
) -> Iterator[tuple[int, Block]]:
    """A part's impressions in the order of time, in blocks, each with the number of its first request.

    `state` moves on with them. With `step` only every step-th user is looked at, for whom all is as it would be.
    """
    for first in range(0, part.requests, _BLOCK):
        times = _times(world, part, first, min(_BLOCK, part.requests - first))
        block = new_block(len(times))
        count, tokens = _meet(world, users, items, rule, part, state, times, first, step, block)
        used = [array[:count].copy() for array in block[:-2]]
        yield part.first_request + first, Block(*used, block.history[:tokens].copy(), block.history_end)


def _times(world: World, part: Part, first: int, count: int) -> np.ndarray:
    """When requests come, int64 [count], each later than the one before; most come at noon."""
    own = uniforms(world.seed, REQUEST, part.first_request + first, count, 1)[:, 0]
    day, share = np.divmod(part.days * (first + np.arange(count) + 0.9 * own) / part.requests, 1)
    hours = np.linspace(0, 1, 24 * 60 + 1)
    of_day = np.interp(share, hours - _RHYTHM * np.sin(2 * math.pi * hours), hours)
    return (DAY * (part.first_day + day + of_day)).astype(np.int64)


@compiled
def _user(world: World, part: Part, state: State, name: np.uint64) -> int:
    """Whose the request called `name` is: a later part's others than the new users all occur before."""
    if part.later and uniform(name, _NEW) < part.new_users:
        return part.known_users + whole(name, _WHICH, world.new_users)
    draw = _SEEN
    while True:
        user = int(part.known_users * uniform(name, draw) ** 1.5)
        if not part.later or state.seen_users[user]:
            return user
        draw += 1


@compiled
def _item(world: World, users: Users, part: Part, state: State, user: int, name: np.uint64) -> int:
    """What the impression called `name` shows: mostly the user's interests; old items all occur in earlier parts."""
    new, per_category = part.later and uniform(name, _ITEM_NEW) < part.new_items, part.known_items // world.categories
    while True:
        category = users.interests[user, whole(name, _INTEREST, INTERESTS)]
        if uniform(name, _KIND) >= _OF_INTEREST:
            category = popular(uniform(name, _CATEGORY), CATEGORY_SCALE * world.categories, world.categories)
        rank = popular(uniform(name, _RANK), _POPULAR * per_category, per_category)
        item = category + world.categories * rank
        if new:
            return part.known_items + item % world.new_items
        if not part.later or state.seen_items[item]:
            return item
        name = mix(name)


@compiled
def _meet(
    world: World,
    users: Users,
    items: Items,
    rule: Rule,
    part: Part,
    state: State,
    times: np.ndarray,
    first: int,
    step: int,
    block: Block,
) -> tuple[int, int]:
    """Fill `block` with what happens at requests first .. first + len(times) - 1; returns its n and its t."""
    at, tokens, fresh = 0, 0, np.empty(SIZE, np.int32)
    for number, time in enumerate(times):
        request = part.first_request + first + number
        user = _user(world, part, state, key(world.seed, REQUEST, request))
        if user % step == step // 2:
            clicked, clicks, more = state.clicked[user], state.clicks[user], 0
            for click in range(max(0, clicks - LENGTH), clicks):
                block.history[tokens] = clicked[click % LENGTH]
                tokens += 1
            for place in range(min(SIZE, part.impressions - SIZE * (first + number))):
                name = key(world.seed, IMPRESSION, SIZE * request + place)
                item = _item(world, users, part, state, user, name)
                block.request[at], block.time[at], block.user[at], block.item[at] = number, time, user, item
                _act(world, users, items, rule, clicked, clicks, name, block, at)
                if block.click[at]:
                    fresh[more] = item
                    more += 1
                if part.remembers:
                    state.seen_users[user] = state.seen_items[item] = True
                at += 1
            # Only now: items of one request are seen together, and their clicks are no history of each other.
            for item in fresh[:more]:
                clicked[state.clicks[user] % LENGTH] = item
                state.clicks[user] += 1
        block.history_end[number] = tokens
    return at, tokens


@compiled
def _act(
    world: World,
    users: Users,
    items: Items,
    rule: Rule,
    clicked: np.ndarray,
    clicks: int,
    name: np.uint64,
    block: Block,
    at: int,
) -> None:
    """Draw price and labels of the impression called `name`, which stands at `at`."""
    user, item, time = block.user[at], block.item[at], block.time[at]
    today = normal(key(world.seed, PRICE, (item << 5) + time // DAY), 0)
    price = price_of(_OF_ITEM * items.price[item] + _OF_DAY * today)
    pull = pull_of_history(rule.history, items.style, world.categories, clicked, clicks, item)
    raw = scores(users.factors[user], items.factors[item])
    click, conversion = logits(rule, raw, price, users.step[user], time // _HOUR % 24, pull)
    if rule.drift > 0:
        conversion += rule.drift * trend(world.seed, item % world.categories, time / DAY)
    block.price[at], block.click_logit[at], block.conversion_logit[at] = price, click, conversion
    block.p_click[at] = 1 / (1 + np.exp(-click - rule.click))
    block.p_conversion[at] = 1 / (1 + np.exp(-conversion - rule.conversion))
    block.click[at] = uniform(name, _CLICK) < block.p_click[at]
    block.conversion[at] = block.click[at] and uniform(name, _CONVERSION) < block.p_conversion[at]


@compiled
def trend(seed: int, category: int, days: float) -> float:
    """How much a category sells at a time: mean 0 and variance 1, drawn for each midnight and in between mixed."""
    day = int(days)
    share = days - day
    before = normal(key(seed, TREND, (category << 9) + day), 0)
    after = normal(key(seed, TREND, (category << 9) + day + 1), 0)
    return ((1 - share) * before + share * after) / np.sqrt((1 - share) ** 2 + share**2)
