"""Damage, at random but repeatable: every function is a function of a `random.Random`."""

from __future__ import annotations

from random import Random
from typing import Any

TEXTS = (
    b"", b",", b":", b"\n", b"\r\n", b"\x00", b"-1", b"99999999999999999999", b"nan", b"1e999", b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"'", b'"', b"{", b"[", b"]", b"- ", b"&a", b"*a", b"!!python/object:os.system", b"<<: ", b"\t", b"#", b"%",
    b"? ", b"|\n",
    b"true", b"null", b"0x", b"2147483648", b"\xed\xa0\x80", b"../", b"/dev/null",
)  # fmt: skip
"""What breaks parsers, sometimes."""

VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2, 7, 2**31, 2**63, 10**30, -(10**30), 0.0, -0.5, 1e-3, 1e300, float("nan"),
    float("inf"),
    "", " ", "x", "0", "null", "a.b", "../x", "/dev/null", "\x00", "\ud800", "é" * 50, "x" * 5000, [], [[]], [None],
    ["a", "a"],
    [1, "b"], {}, {"a": {}}, {"": 1}, {"class": "Adam"}, [{"name": "a"}], [{"name": None, "b": 1}], {1: 2}, (),
)  # fmt: skip
"""What a setting might be set to."""


def damage(random: Random, content: bytes) -> bytes:
    """A few random changes: bits, bytes, pieces cut out, doubled, moved or put in, the end cut off."""
    data = bytearray(content)
    for _ in range(random.choice((1, 1, 1, 2, 3, 8))):
        at = random.randrange(len(data) + 1)
        length = random.choice((1, 1, 2, 4, 16, 100))
        kind = random.randrange(8)
        if kind == 0 and at < len(data):
            data[at] ^= 1 << random.randrange(8)
        elif kind == 1 and at < len(data):
            data[at] = random.randrange(256)
        elif kind == 2:
            del data[at : at + length]
        elif kind == 3:
            data[at:at] = data[at : at + length]
        elif kind == 4:
            data[at:at] = random.choice(TEXTS)
        elif kind == 5:
            data[at : at + length] = random.choice(TEXTS)
        elif kind == 6:
            other = random.randrange(len(data) + 1)
            data[at:at] = data[other : other + length]
        elif random.random() < 0.3:
            del data[at:]
    return bytes(data)


def disturb(random: Random, tree: Any) -> Any:
    """A tree of mappings and lists with one value replaced, removed, doubled or renamed somewhere."""
    if isinstance(tree, dict) and tree and random.random() < 0.85:
        key = random.choice(list(tree))
        changed = dict(tree)
        kind = random.random()
        if kind < 0.7:
            changed[key] = disturb(random, tree[key])
        elif kind < 0.8:
            del changed[key]
        elif kind < 0.9:
            changed[f"{key}{random.choice('sx. ')}"] = changed.pop(key)
        else:
            changed[random.choice(("x", 1, None, "a.b", True))] = random.choice(VALUES)
        return changed
    if isinstance(tree, list) and tree and random.random() < 0.6:
        at = random.randrange(len(tree))
        return [*tree[:at], disturb(random, tree[at]), *tree[at + random.randrange(2) :]]
    return random.choice(VALUES)
