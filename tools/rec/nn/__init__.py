"""Parts that networks are built from."""
