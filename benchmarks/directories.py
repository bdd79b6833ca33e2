"""Train and evaluate every model directory on its bundled data, and print a line of Markdown for each.

    python benchmarks/directories.py

Uses each directory's config.yaml and the dynamic graph; checkpoints go to a temporary folder.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def measure(directory: Path, folder: Path) -> dict[str, float | None]:
    """The metrics of a directory's last epoch on its test data."""
    options = [f"runner.{key}={folder}" for key in ("model_save_path", "infer_load_path")]
    for tool, more in (("trainer", []), ("infer", ["runner.infer_checkpoint=latest"])):
        command = [
            sys.executable,
            ROOT / "tools" / f"{tool}.py",
            "-m",
            directory / "config.yaml",
            "-o",
            *options,
            *more,
        ]
        subprocess.run(command, check=True, capture_output=True)
    (metrics,) = folder.glob("*/metrics.json")
    return json.loads(metrics.read_text())


def main() -> None:
    """Print the table."""
    for directory in sorted(path.parent for path in (ROOT / "models").glob("multitask/*/dygraph_model.py")):
        with tempfile.TemporaryDirectory() as folder:
            found = measure(directory, Path(folder))
        kinds = ("auc_", "rank_correlation_")
        values = {k.removeprefix("auc_"): v for k, v in found.items() if k.startswith(kinds) and v is not None}
        shown = ", ".join(f"{name.replace('_', ' ')} {value:.3f}" for name, value in values.items())
        print(f"| [{directory.name}]({directory.name}/README.md) | {shown} |", flush=True)


if __name__ == "__main__":
    main()
