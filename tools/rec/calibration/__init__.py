"""Predicted probabilities corrected on data that were not trained on, as a part of a checkpoint."""
