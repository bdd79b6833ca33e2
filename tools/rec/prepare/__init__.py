"""Tables prepared for training: their rows as ids, once."""
