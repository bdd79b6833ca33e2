"""What a careful colleague would check before a long run."""
