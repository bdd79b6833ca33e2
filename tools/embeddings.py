"""A trained model's vectors, neighbours and a picture: python tools/embeddings.py PATH --field item_id --out FILE"""

from rec.vectors import command

if __name__ == "__main__":
    command.run(description=__doc__)
