"""Write what a finished run came to as one page: python tools/report.py output_model_esmm"""

from rec.evidence import command

if __name__ == "__main__":
    command.run(description=__doc__)
