"""The embedding table outside the network: pull a batch's pooled vectors, push their gradient back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from rec.data.batch import Batch
from rec.numeric import Array
from rec.table.averaged import Averaged
from rec.table.optimizer import RowOptimizer

WEIGHT = "embedding.weight"
"""Its name in a checkpoint."""

INIT_STD = 0.01
"""Standard deviation of initial weights: small against the sum of a history of hundreds of tokens."""


class Table(ABC):
    """V rows of D weights and a row-wise optimizer's state.

    It stands outside the network because Paddle's static mode turns an embedding's gradient dense. A step costs what
    the batch's distinct rows cost, whatever V.

    Attributes:
        dim: D.
        optimizer: the rule that moves rows.
        moving: whether it moves each, bool [V]; None: all.
        divided: whether several trainers have some of the rows each, and of a gradient these rows'.
    """

    divided = False

    def __init__(self, dim: int, optimizer: RowOptimizer, moving: Array | None = None) -> None:
        self.dim, self.optimizer, self.moving = dim, optimizer, moving
        self._hidden: Array | None = None  # the weights that move, while their averages are shown

    @abstractmethod
    def pull(self, batch: Batch) -> list[Any]:
        """Pooled field vectors of each block of the batch, float32 [R, F * D]: arrays, or tensors on the device."""

    @abstractmethod
    def push(self, batch: Batch, gradients: list[Any]) -> None:
        """Update the batch's rows; `gradients` (arrays or tensors) are those of what `pull` gave, shaped alike."""

    @abstractmethod
    def collect(self, batch: Batch, gradients: list[Any]) -> list[Any]:
        """What `push` would move rows by: float32 [N, D] for each width, 0 in rows that do not move."""

    def exchange_ids(self, batch: Batch) -> Any:
        """Tell other trainers, where there are any, which ids a batch of all has, before its step; `pull` and `push`
        find what comes of it as `Batch.asked`. A thread may do so while another works with the batch before."""
        return None

    def ids(self, batch: Batch) -> list[Array]:
        """Which rows `collect` tells of, int64 [N] for each width."""
        return [batch.rows]

    @abstractmethod
    def move(self, batch: Batch, collected: list[Any]) -> None:
        """Update the batch's rows by what `collect` gave, or by less."""

    @property
    def parts(self) -> list[Table]:
        """The tables that this is made of: itself."""
        return [self]

    def set_rate(self, rate: float) -> None:
        """Let updates from now on have this learning rate."""
        self.optimizer.set_rate(rate)

    def set_steps(self, steps: int) -> None:
        """The number of the update to come; only a rule with averages asks."""
        if isinstance(self.optimizer, Averaged):
            self.optimizer.steps = steps

    def show_averages(self) -> None:
        """Put the rows' averages in their place, where the rule has any, until `show_moved`."""
        if isinstance(self.optimizer, Averaged) and self._hidden is None:
            arrays = self.arrays()
            self._hidden = arrays["weight"].copy()
            self.take({"weight": self.optimizer.averages(self._hidden, arrays)})

    def show_moved(self) -> None:
        """The rows are again what moves."""
        if self._hidden is not None:
            self.take({"weight": self._hidden})
            self._hidden = None

    @abstractmethod
    def arrays(self) -> dict[str, Array]:
        """Weights and state in host memory: `weight` [V, D] and the optimizer's names."""

    @abstractmethod
    def take(self, arrays: dict[str, Array]) -> None:
        """Copy in some of `arrays()`; the caller has checked names and shapes."""

    def by_width(self) -> dict[int, tuple[int, Array]]:
        """The first id and the weights of each width's rows, by `Bags.dim`."""
        return {0: (0, self.arrays()["weight"])}

    def weights(self) -> dict[str, Array]:
        """The table as a checkpoint stores it."""
        return {WEIGHT: self.arrays()["weight"]}

    def optimizer_state(self) -> dict[str, Array]:
        """The optimizer's state as a checkpoint stores it."""
        arrays = {**self.arrays()} if self._hidden is None else {**self.arrays(), "moved": self._hidden}
        return {f"{WEIGHT}/{name}": value for name, value in arrays.items() if name != "weight"}

    def shard(self) -> dict[str, Array]:
        """What this trainer has of the table, named as in `weights` and `optimizer_state`."""
        return {**self.weights(), **self.optimizer_state()}

    def load(self, arrays: dict[str, Array]) -> None:
        """Copy in arrays named as in `weights` and `optimizer_state`; without the latter averages begin anew."""
        own = {"weight" if "/" not in name else name.split("/")[1]: value for name, value in arrays.items()}
        moved = own.pop("moved", None)
        self.take(own)
        if self._hidden is not None:
            self._hidden = np.array(own["weight"] if moved is None else moved)
            if moved is None:
                self.take({name: np.zeros_like(self.arrays()[name]) for name in ("average", "averaged_at")})


def initial_weights(num_row: int, dim: int, *seed: int) -> Array:
    """float32 [V, D], normal with INIT_STD; the same for a seed on every device and in either graph mode."""
    weight = np.random.default_rng(seed[0] if len(seed) == 1 else seed).standard_normal((num_row, dim), np.float32)
    weight *= np.float32(INIT_STD)
    return weight
