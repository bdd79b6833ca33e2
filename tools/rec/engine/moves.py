"""How a model of ours is moved once its gradients are there, alike in either graph mode."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from rec.config.config import Config
from rec.data.batch import Batch
from rec.distributed.ranks import here
from rec.engine.average import Average
from rec.engine.gathered import Gathered, Update
from rec.engine.variables import Weights
from rec.errors import UserError
from rec.nn.weighting.second_look import SecondLook
from rec.numeric import Array
from rec.table.table import Table


def _mean(gradients: Mapping[str, Any]) -> dict[str, Any]:
    """The mean of all trainers' gradients."""
    if here().alone:
        return dict(gradients)
    return dict(zip(gradients, here().mean(list(gradients.values())), strict=True))


class Moves:
    """Table and network by the gradients of a batch, or of several, clipped, and averaged afterwards, as a config says.

    Args:
        config: it.
        table: the embedding table.
        net: the network, or one with the same parameters.
        weights: these.
        step: moves them by gradients, by Paddle's names.
        look: of the weighting of losses, if it has one.
        at_hand: whether gradients are on the host or can be fetched.

    Raises:
        UserError: gradients cannot be gathered here.
    """

    def __init__(
        self,
        config: Config,
        table: Table,
        net: Any,
        weights: Weights,
        step: Callable[[Mapping[str, Any]], None],
        look: SecondLook | None,
        at_hand: bool = True,
    ) -> None:
        self._table, self._step = table, step
        self._gathered = Gathered.of(config.hyper_parameters["optimizer"])
        if self._gathered is not None and not at_hand:
            raise UserError(
                "optimizer.clip_norm, clip_value, accumulate: not for static graph on a GPU: use trainer.py"
            )
        if self._gathered is not None and self._gathered.batches > 1 and look is not None:
            raise UserError(
                "optimizer.accumulate: this weighting compares the losses before and after each batch's update"
            )
        self._average = Average.of(config, net, weights, table)

    def begin(self) -> None:
        """Before a training step."""
        if self._average is not None:
            self._average.hide()

    def move(
        self,
        batch: Batch,
        vectors: Sequence[Any],
        dense: Callable[[], Mapping[str, Any]],
        between: Callable[[], None] = lambda: None,
    ) -> bool:
        """After the backward pass: whether an update was made, or the gradients wait for other batches'.

        Args:
            batch: it.
            vectors: gradients of what the table gave.
            dense: gives those of the parameters, by Paddle's names.
            between: what to do while the table's update is under way.
        """
        own = dense()
        if self._gathered is None:
            # The table is moved by a thread of its own while the others' gradients of the network come in.
            self._make(partial(self._table.push, batch, list(vectors)), lambda: _mean(own), between)
            return True
        update = Update(batch, self._table.collect(batch, list(vectors)), _mean(own))
        due = self._gathered.add(update, self._table.ids(batch), self._table.divided)
        if due is None:
            between()
            return False
        self._make(partial(self._table.move, due.batch, due.rows), lambda: due.dense, between)
        return True

    def _make(
        self, move_table: Callable[[], None], dense: Callable[[], Mapping[str, Any]], between: Callable[[], None]
    ) -> None:
        if self._average is not None:
            self._average.begin()
        move_table()
        gradients = dense()
        between()
        self._step(gradients)
        if self._average is not None:
            self._average.end()

    def settle(self) -> None:
        """Before weights are looked at: make the update that waits, and put averages in their place."""
        update = self._gathered.rest() if self._gathered is not None else None
        if update is not None:
            self._make(partial(self._table.move, update.batch, update.rows), lambda: update.dense, lambda: None)
        if self._average is not None:
            self._average.show()

    def state(self) -> dict[str, Array]:
        """What a checkpoint needs besides weights and the optimizers' states."""
        return {} if self._average is None else self._average.state()

    def load(self, found: Mapping[str, Any]) -> None:
        """Take over some of `state()`, after everything else was loaded."""
        if self._average is not None:
            self._average.load(found)
