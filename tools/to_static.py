"""Export trained dynamic models for Paddle Inference: python tools/to_static.py -m models/multitask/esmm/config.yaml"""

from rec import cli

if __name__ == "__main__":
    cli.run(mode="dygraph", task="to_static", description=__doc__)
