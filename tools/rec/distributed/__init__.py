"""Several processes that train one model: `python -m paddle.distributed.launch tools/trainer.py`."""
