"""Paddle's optimizers on the host: rows of embeddings at the cost of a batch's, and whole parameters in one pass."""
