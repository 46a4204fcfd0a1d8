"""Synthetic upper jaws, for trying the pipeline without the data set and for training on more than it holds."""
