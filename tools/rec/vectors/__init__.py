"""tools/embeddings.py: a trained embedding table by original values, and the vectors of impressions."""
