"""Systems compared as a paper compares them: several seeds, shares of the training data, paired tests."""
