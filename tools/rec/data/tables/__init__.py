"""Tables as people have them: where their files lie, and how each format is read a stretch at a time."""
