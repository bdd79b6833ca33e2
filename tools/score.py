"""Score raw rows with a trained model: python tools/score.py PATH --input rows.jsonl --output scores.jsonl"""

from rec.scoring import command

if __name__ == "__main__":
    command.run_score(description=__doc__)
