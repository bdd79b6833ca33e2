"""A vocabulary that an earlier training in the same folder made of the same rows: it is not made again."""

from __future__ import annotations

from rec.checkpoint.files import check_file
from rec.checkpoint.manifest import Manifest, plain
from rec.checkpoint.store import Store
from rec.config.config import Config
from rec.console import log
from rec.data.fingerprint import fingerprint
from rec.data.prepared_table import is_prepared
from rec.data.table_settings import DataSettings, read_settings
from rec.data.vocabulary import VOCABULARY, Vocabulary
from rec.errors import UserError
from rec.run.held_out import DATA

_WITHOUT_EFFECT = ("keep", "unknown_rate", "negative_rate", "random_test")


def known_vocabulary(config: Config) -> Vocabulary | None:
    """That of a checkpoint beside which training saves; None where there is none of these data and settings."""
    manifests = [one for one in Store(config.runner.model_save_path).manifests() if VOCABULARY in one.files]
    if not config.describes_table or not manifests:
        return None
    if any(is_prepared(place) for place in config.places(config.runner.train_data_dir)):
        return None  # it has its own
    settings = read_settings(config.data)
    if any(field and field.pretrained for field in settings.fields.values()):
        return None  # the files may hold other values by now
    if settings.grow_vocabulary:
        return None  # those there may have grown by other days' rows, too
    section = {**dict.fromkeys(DataSettings.model_fields), **config.data}
    facts = {f"data.{name}": value for name, value in section.items() if name not in _WITHOUT_EFFECT}
    facts |= {f"hyper_parameters.{name}": config.hyper_parameters.get(name) for name in ("fields", "field_dims")}
    facts[DATA] = fingerprint(config.places(config.runner.train_data_dir))
    wanted = plain(facts)
    for manifest in manifests:
        if all(manifest.training.get(name) == value for name, value in wanted.items()):
            return _read(Store(config.runner.model_save_path), manifest)
    return None


def _read(store: Store, manifest: Manifest) -> Vocabulary | None:
    folder = store.folder / manifest.name
    try:
        found = Vocabulary.load(check_file(folder, VOCABULARY, manifest))
    except UserError:  # it is made again
        return None
    log.info("vocabulary: that of %s, which was trained on the same data", folder)
    return found
