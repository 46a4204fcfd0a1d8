"""The loss terms: one file each, a value for each case of a batch, unweighted."""
