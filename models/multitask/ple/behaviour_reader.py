"""Impressions, or a table, with the labels that the config's behaviours need."""

from rec.data.behaviours import BehaviourReader as RecDataset

__all__ = ["RecDataset"]
