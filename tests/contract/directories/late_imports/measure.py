class Share:
    """A metric of the directory's own."""

    def __init__(self):
        self.reset()

    def update(self, right):
        self.right += right.sum()
        self.seen += right.size

    def accumulate(self):
        return self.right / self.seen

    def reset(self):
        self.right = self.seen = 0
