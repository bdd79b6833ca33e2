"""The lines of the files: what happens at each exposure of a block, and the bytes that tell it."""

from typing import NamedTuple

import numpy as np

from simulation.actions import NUM_COLUMN, P_EXAMINED, P_RELEVANCE, POSITION, PRICE, REQUEST_ID, act, price_of
from simulation.blocks import Block, Part, common_index, row_at
from simulation.compiled import compiled
from simulation.goods import MAX_NODES, item_factors, shown_item
from simulation.hidden import mean_over_mood, mood, sigmoid
from simulation.history import CATEGORIES, SHOPS, History, browse, empty_history
from simulation.people import row_exposures, row_user, user_factors
from simulation.requests import REQUEST, examined, exposure_name, lay_out
from simulation.rows import MAX_OWN_TOKENS, common_tokens, most_common_tokens, own_tokens
from simulation.text import WIDEST_TOKEN, put_head, put_hex, put_int, put_pairs, put_tokens, with_room
from simulation.truth import Truth, action_logits, drift, labels, logits, mean_over_time, position, scores
from simulation.unseen import Favours, examined_of, new_grid, row_examined, size_shares
from simulation.world import FACTORS, World, id_ranges

_COMMA, _NEWLINE = ord(","), ord("\n")
_HEAD = 64
"""Bytes that suffice for what stands before a row's tokens."""


class Outcomes(NamedTuple):
    """What happened at each of a block's n exposures, and how many tokens it took."""

    p_click: np.ndarray  # (n,) float64
    p_conversion: np.ndarray  # (n,) float64: given a click
    p_click_given_inputs: np.ndarray  # (n,) float64: mean of p_click over position and time, which no input tells
    click: np.ndarray  # (n,) int8
    conversion: np.ndarray  # (n,) int8
    tokens: np.ndarray  # (2,) int64: in the exposures' own rows; in their common rows, once per exposure
    behaviours: np.ndarray  # (NUM_COLUMN, n) float64: the columns of BEHAVIOURS; (NUM_COLUMN, 0): not asked for


class Desk(NamedTuple):
    """Working space for one row at a time."""

    ranges: np.ndarray
    history: History
    taste: np.ndarray
    item: np.ndarray
    nodes: np.ndarray
    places: np.ndarray
    sizes: np.ndarray
    looked_at: np.ndarray
    own: np.ndarray
    common: np.ndarray


def new_desk(world: World) -> Desk:
    """A desk for one block."""
    history = empty_history(world)
    own, common = np.empty((MAX_OWN_TOKENS, 3), np.int64), np.empty((most_common_tokens(history), 3), np.int64)
    nodes, places = np.empty(MAX_NODES, np.int64), np.ones(REQUEST, np.int64)
    factors, sizes = (np.empty(FACTORS), np.empty(FACTORS)), np.empty(REQUEST)
    return Desk(id_ranges(world), history, *factors, nodes, places, sizes, new_grid(), own, common)


@compiled
def common_block(world: World, part: Part, block: Block, desk: Desk) -> tuple[np.ndarray, int]:
    """The lines of the common file at places first_row .. end_row - 1, as (buffer, end)."""
    buffer, end = np.empty(1 << 20, np.uint8), np.int64(0)
    for place in range(block.first_row, block.end_row):
        row = row_at(part, place)
        user = row_user(world, row)
        user_factors(world, user, desk.taste)
        browse(world, row, user, desk.taste, desk.history)
        count = common_tokens(world, desk.ranges, row, desk.history, desk.common)
        buffer = with_room(buffer, end, count * WIDEST_TOKEN + 64)
        end = put_hex(buffer, end, common_index(world, part, row))
        buffer[end] = _COMMA
        end = put_int(buffer, end + 1, count)
        buffer[end] = _COMMA
        end = put_tokens(buffer, end + 1, desk.common[:count])
        buffer[end] = _NEWLINE
        end += 1
    return buffer, end


@compiled
def _meet(
    world: World,
    truth: Truth,
    part: Part,
    block: Block,
    row: int,
    number: int,
    user: int,
    desk: Desk,
    outcomes: Outcomes,
    at: int,
) -> int:
    """One exposure: draw its item and labels, record them at `at`, lay its tokens out in desk.own; returns how many."""
    name = exposure_name(world, row, number)
    events, interests = desk.history.wanted[SHOPS], max(1, desk.history.wanted[CATEGORIES])
    item = shown_item(world, name, user, row, events, interests, desk.taste)
    item_factors(world, item, desk.item)
    place = position(name)
    raw = scores(desk.taste, desk.item)
    click_logit, conversion_logit = logits(truth, raw, place, row / part.rows)
    relevance, slot = mean_over_mood(click_logit, truth.confounding), desk.places[number % REQUEST]
    looked_at = examined(truth.position_effect, slot)
    outcomes.p_click[at] = looked_at * relevance
    outcomes.p_conversion[at] = mean_over_mood(conversion_logit, truth.confounding)
    here, moved = click_logit - drift(row / part.rows), mood(name) * truth.confounding
    timeless = (mean_over_time(here + truth.confounding) + mean_over_time(here - truth.confounding)) / 2
    outcomes.p_click_given_inputs[at] = examined_of(world, desk.looked_at, item) * timeless
    chances = looked_at * sigmoid(click_logit + moved), sigmoid(conversion_logit + moved)
    outcomes.click[at], outcomes.conversion[at] = labels(truth, name, chances[0], chances[1])
    if outcomes.behaviours.shape[1]:
        out, p_conversion, click = outcomes.behaviours[:, at], outcomes.p_conversion[at], outcomes.click[at]
        wanted = action_logits(truth, raw, conversion_logit, desk.taste, desk.item)
        conversion = outcomes.conversion[at]
        act(truth.information, truth.gain, name, wanted, p_conversion, click, conversion, desk.taste, desk.item, out)
        request = 1 + block.first_exposure + at - number % REQUEST  # the sample id of its first exposure
        out[PRICE], out[POSITION], out[REQUEST_ID] = price_of(world, item, desk.item), slot, request
        out[P_EXAMINED], out[P_RELEVANCE] = looked_at, relevance
    return own_tokens(world, desk.ranges, name, item, place, desk.history, desk.nodes, desk.own)


@compiled
def _put_skeleton(buffer: np.ndarray, end: int, index: np.uint64, own: np.ndarray) -> int:
    buffer[end] = _COMMA
    end = put_hex(buffer, end + 1, index)
    buffer[end] = _COMMA
    end = put_int(buffer, end + 1, len(own))
    buffer[end] = _COMMA
    end = put_tokens(buffer, end + 1, own)
    buffer[end] = _NEWLINE
    return end + 1


@compiled
def exposure_block(
    world: World,
    truth: Truth,
    favours: Favours,
    part: Part,
    block: Block,
    desk: Desk,
    numbers: np.ndarray,
    behaviours: bool,
) -> tuple[np.ndarray, int, Outcomes]:
    """The lines of a block's exposures, as (buffer, end), and their outcomes.

    Skeleton lines; or, where `numbers` is not empty, joined lines without values and noise, ids renumbered by it.
    """
    size = block.end_exposure - block.first_exposure
    more = np.empty((NUM_COLUMN, size if behaviours else 0))
    p_click, p_conversion, given_inputs = np.empty(size), np.empty(size), np.empty(size)
    click, conversion = np.empty(size, np.int8), np.empty(size, np.int8)
    outcomes = Outcomes(p_click, p_conversion, given_inputs, click, conversion, np.zeros(2, np.int64), more)
    buffer, end, at = np.empty(1 << 20, np.uint8), np.int64(0), np.int64(0)
    for row in range(block.first_row, block.end_row):
        user = row_user(world, row)
        user_factors(world, user, desk.taste)
        browse(world, row, user, desk.taste, desk.history)
        common = desk.common[: common_tokens(world, desk.ranges, row, desk.history, desk.common)]
        index = common_index(world, part, row)
        served = min(row_exposures(world, row), size - at)
        events, interests = desk.history.wanted[SHOPS], max(1, desk.history.wanted[CATEGORIES])
        if favours.effect > 0:
            size_shares(world, user, desk.sizes)
            row_examined(world, favours, desk.sizes, user, row, events, interests, desk.taste, desk.looked_at)
        for number in range(served):
            if behaviours and number % REQUEST == 0:
                shown = min(REQUEST, served - number)
                lay_out(world, user, row, number, shown, events, interests, desk.taste, desk.places)
            own = desk.own[: _meet(world, truth, part, block, row, number, user, desk, outcomes, at)]
            outcomes.tokens[0] += len(own)
            outcomes.tokens[1] += len(common)
            sample, clicked, converted = block.first_exposure + at + 1, outcomes.click[at], outcomes.conversion[at]
            at += 1
            buffer = with_room(buffer, end, (len(own) + len(common)) * WIDEST_TOKEN + _HEAD)
            if len(numbers) == 0:
                end = _put_skeleton(buffer, put_head(buffer, end, sample, clicked, converted), index, own)
            elif converted <= clicked:
                end = put_pairs(buffer, put_head(buffer, end, sample, clicked, converted), own, numbers)
                end = put_pairs(buffer, end, common, numbers)
                buffer[end] = _NEWLINE
                end += 1
    return buffer, end, outcomes
