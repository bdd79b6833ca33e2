"""A field dealt out anew, against tokens written out row by row."""

import numpy as np
import pytest

from rec.data.batch import Bags, Batch
from rec.evidence.shuffled import Pool

Tokens = list[dict[str, list[tuple[int, float]]]]


def bags_of(tokens: Tokens, fields: tuple[str, ...], row_index: np.ndarray | None, ids: np.ndarray, **more) -> Bags:
    flat = [pair for row in tokens for field in fields for pair in row[field]]
    lengths = [len(row[field]) for row in tokens for field in fields]
    return Bags(
        len(fields),
        np.searchsorted(ids, [token for token, _ in flat]).astype(np.int32),
        np.cumsum([0, *lengths]).astype(np.int32),
        np.array([weight for _, weight in flat], np.float32),
        row_index,
        fields,
        **more,
    )


def make(size: int, users: int, seed: int) -> tuple[Batch, Tokens]:
    """A batch whose user fields stand in shared rows, with a history; and its impressions written out."""
    random = np.random.default_rng(seed)

    def values(low: int) -> list[tuple[int, float]]:
        return [
            (int(low + random.integers(10)), float(random.random(dtype=np.float32))) for _ in range(random.integers(4))
        ]

    shared = [{"user": values(0), "city": values(10)} for _ in range(users)]
    own = [{"item": values(20), "tags": values(30)} for _ in range(size)]
    pasts = [values(40)[:3] for _ in range(users)]
    row = np.sort(random.integers(0, users, size)).astype(np.int32)
    ids = np.arange(50)
    history = bags_of(
        [{str(at): past[at : at + 1] for at in range(3)} for past in pasts], ("0", "1", "2"), row, ids, sequence=True
    )
    history.fields = ("history",)
    bags = (bags_of(shared, ("user", "city"), row, ids), bags_of(own, ("item", "tags"), None, ids), history)
    numbers = random.normal(size=(size, 2)).astype(np.float32)
    batch = Batch(ids, bags, {"click": np.zeros(size, np.float32)}, np.arange(size).astype("S"), numbers=numbers)
    whole = [{**shared[row[at]], **own[at], "history": pasts[row[at]]} for at in range(size)]
    return batch, [{**each, "price": [numbers[at, 0]], "age": [numbers[at, 1]]} for at, each in enumerate(whole)]


def written_out(batch: Batch) -> Tokens:
    found: Tokens = [{} for _ in range(len(batch))]
    for bags in (bags.as_fields() for bags in batch.bags):
        for at in range(len(batch)):
            row = at if bags.row_index is None else bags.row_index[at]
            for number, field in enumerate(bags.fields):
                some = slice(
                    bags.offsets[row * bags.num_field + number], bags.offsets[row * bags.num_field + number + 1]
                )
                ids, weights = batch.rows[bags.positions[some]], bags.weights[some]
                found[at][field] = [(int(token), float(weight)) for token, weight in zip(ids, weights, strict=True)]
    for at, row in enumerate(found):
        row["price"], row["age"] = [batch.numbers[at, 0]], [batch.numbers[at, 1]]
    return found


@pytest.mark.parametrize("field", ["user", "city", "item", "tags", "history", "price", "age"])
def test_one_field_is_another_rows_and_the_others_stay(field):
    batches, wholes = zip(
        *(make(size, users, seed) for seed, (size, users) in enumerate([(7, 3), (5, 2)])), strict=True
    )
    whole = [row for rows in wholes for row in rows]
    pool = Pool(batches, ("price", "age"))
    assert len(pool) == 12
    assert pool.fields == ["user", "city", "item", "tags", "history", "price", "age"]
    order = np.random.default_rng(5).permutation(12)
    dealt = list(pool.dealt(field, order))
    found = [row for batch in dealt for row in written_out(batch)]
    assert found == [{**whole[at], field: whole[order[at]][field]} for at in range(12)]
    assert [len(batch) for batch in dealt] == [7, 5]
    assert all(len(np.unique(batch.rows)) == len(batch.rows) for batch in dealt)
    assert [row for batch in batches for row in written_out(batch)] == whole  # nothing of the pool's own has changed
