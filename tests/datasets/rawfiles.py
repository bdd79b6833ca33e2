"""Raw files of the release's format, small and made by hand, and prepared data read back into the same terms."""

from __future__ import annotations

import tarfile
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from fields import COMMON_FIELDS, FIELDS, OWN_FIELDS

Tokens = tuple[tuple[str, int, str], ...]
"""(field, original id, value as it is written)."""


@dataclass(frozen=True)
class Row:
    """A skeleton row, or with ``sample`` None a common-features row."""

    index: str
    tokens: Tokens
    sample: int | None = None
    click: int = 0
    conversion: int = 0

    def line(self) -> bytes:
        head = [] if self.sample is None else [self.sample, self.click, self.conversion]
        text = "\x01".join(f"{name}\x02{number}\x03{value}" for name, number, value in self.tokens)
        return ",".join(map(str, [*head, self.index, len(self.tokens), text])).encode() + b"\n"


@dataclass(frozen=True)
class Split:
    """One split's rows."""

    exposures: list[Row]
    common: list[Row] = field(default_factory=list)

    def write(self, folder: Path, name: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for kind, rows in ((f"sample_skeleton_{name}", self.exposures), (f"common_features_{name}", self.common)):
            (folder / f"{kind}.csv").write_bytes(b"".join(row.line() for row in rows))


def archive(plain: Path, folder: Path, name: str, skeleton_first: bool = True) -> Path:
    """The release's archive of one split, from its plain files."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"sample_{name}.tar.gz"
    kinds = ["sample_skeleton", "common_features"]
    with tarfile.open(path, "w:gz") as tar:
        for kind in kinds if skeleton_first else reversed(kinds):
            tar.add(plain / f"{kind}_{name}.csv", f"release/{kind}_{name}.csv")
    return path


def _tokens(rng: np.random.Generator, fields: tuple) -> Tokens:
    tokens = []
    for place, one in enumerate(fields):
        for _ in range(rng.poisson(min(one.tokens, 3)) if one.tokens > 1 else rng.random() < one.tokens):
            value = f"{np.log(1 + rng.geometric(0.4)):.5f}" if one.weighted else "1.0"
            tokens.append((one.name, int(100_000 * place + rng.integers(1, 50)), value))
    return tuple(tokens[i] for i in rng.permutation(len(tokens)))


def random_split(seed: int, rows: int = 40, mean_exposures: float = 8.0) -> Split:
    """``rows`` common rows of about rows / 2 users with their exposures, grouped as in the release."""
    rng = np.random.default_rng(seed)
    common, exposures = [], []
    for _ in range(rows):
        index = f"{rng.integers(2**63):016x}"
        tokens = tuple(token for token in _tokens(rng, COMMON_FIELDS) if token[0] != "101")
        common.append(Row(index, (*tokens, ("101", int(rng.integers(1, 1 + rows // 2)), "1.0"))))
        for _ in range(1 + rng.poisson(mean_exposures)):
            label = rng.choice([(0, 0), (1, 0), (1, 1)], p=[0.8, 0.15, 0.05])
            exposures.append(Row(index, _tokens(rng, OWN_FIELDS), len(exposures) + 1, int(label[0]), int(label[1])))
    return Split(exposures, [common[i] for i in rng.permutation(rows)])


def sorted_tokens(tokens: Tokens) -> dict[str, list[tuple[int, float]]]:
    """Tokens by field, in their order within it; values as float32."""
    return {
        one.name: [(number, float(np.float32(value))) for name, number, value in tokens if name == one.name]
        for one in FIELDS
    }


def read_back(out: Path, part: str) -> list[tuple]:
    """Every exposure: (sample id, click, conversion, index, tokens by field of both rows), ids back to the original."""
    vocabulary = pq.read_table(out / "vocabulary.parquet").to_pydict()
    original = dict(
        zip(vocabulary["id"], zip(vocabulary["field"], vocabulary["original_id"], strict=True), strict=True)
    )
    exposures = []
    for file in sorted((out / part).glob("exposures-*.parquet")):
        common = pq.read_table(str(file).replace("exposures-", "common-")).to_pylist()
        for row in pq.read_table(file).to_pylist():
            both = row | common[row["common_row"]]
            tokens = {one.name: _original(both, one.name, original) for one in FIELDS}
            exposures.append((row["sample_id"], row["click"], row["conversion"], both["common_feature_index"], tokens))
    return exposures


def _original(row: dict, name: str, original: dict[int, tuple[str, int]]) -> list[tuple[int | None, float]]:
    values = row.get(f"{name}_value", [1.0] * len(row[name]))
    known = [original.get(number, (name, None)) for number in row[name]]
    assert all(field == name for field, _ in known)
    return [(number, value) for (_, number), value in zip(known, values, strict=True)]


def expected(split: Split) -> list[tuple]:
    """What `read_back` gives for a split of which nothing is left out."""
    common = {row.index: row.tokens for row in split.common}
    return [
        (row.sample, row.click, row.conversion, row.index, sorted_tokens(row.tokens + common[row.index]))
        for row in split.exposures
    ]


def with_rows(split: Split, **changed: list[Row]) -> Split:
    """A split with other exposures or common rows."""
    return replace(split, **changed)
