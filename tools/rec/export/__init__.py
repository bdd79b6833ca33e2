"""Models in Paddle's inference format, written and run."""
