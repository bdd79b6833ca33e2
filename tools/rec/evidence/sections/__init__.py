"""The parts of a page: each file makes one of what was found, or none where there is nothing to tell."""
