"""`CustomizeDataLoader`: a model's own `create_data_loader()`."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

import paddle

from rec.data.collate import as_arrays, collate


class LoaderDataset:
    """The batches of a loader: a `paddle.io.DataLoader`, another iterable, or a function that returns one.

    A DataLoader's data set is read here: on an exception in it, Paddle 3.3.1's own reading waits for ever.
    """

    def __init__(self, loader: Any) -> None:
        self._loader = loader

    def __iter__(self) -> Iterator[Any]:
        """Batches as lists of arrays; what comes by name comes in the order of names."""
        if isinstance(self._loader, paddle.io.DataLoader):
            batches = _of_data_loader(self._loader)
        else:
            batches = iter(self._loader() if callable(self._loader) else self._loader)
        for batch in batches:
            yield _positional(as_arrays(batch))


def _of_data_loader(loader: Any) -> Iterator[Any]:
    dataset, join = loader.dataset, loader.collate_fn or collate
    if isinstance(dataset, paddle.io.IterableDataset):
        rows = iter(dataset)
        if loader.batch_size is None:
            yield from rows
            return
        while batch := list(itertools.islice(rows, loader.batch_size)):
            if len(batch) == loader.batch_size or not loader.drop_last:
                yield join(batch)
    elif loader.batch_sampler is None:
        yield from (dataset[index] for index in range(len(dataset)))
    else:
        for indices in loader.batch_sampler:
            yield join([dataset[index] for index in indices])


def _positional(batch: Any) -> Any:
    """A feed by name (old loaders give one per device, in a list) as a list."""
    if isinstance(batch, list) and len(batch) == 1 and isinstance(batch[0], Mapping):
        batch = batch[0]
    return list(batch.values()) if isinstance(batch, Mapping) else batch
