"""Score test data with an exported model: python tools/paddle_infer.py -m models/multitask/esmm/config.yaml"""

from rec import cli

if __name__ == "__main__":
    cli.run(mode="any", task="paddle_infer", description=__doc__)
