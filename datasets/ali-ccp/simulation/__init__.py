"""The simulated world behind `simulate.py`: who sees what, what they do, and the bytes that tell it."""
