"""Training and evaluation of click-and-conversion ranking models from a config file and a model directory."""

import os

# NumPy's products run in threads of ours, one each (see rec.nn.stack); NumPy reads this when it is imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
