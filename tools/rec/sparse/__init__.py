"""Embeddings of PaddleRec's directories at the cost of a batch's rows, moved as a dense optimizer would."""
