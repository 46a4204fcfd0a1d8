"""The cards (README.md) of the data set and of a model."""
