"""Training and evaluation of click-and-conversion ranking models from a config file and a model directory."""
