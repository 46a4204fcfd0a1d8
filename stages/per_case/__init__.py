"""The work on one case, done in a worker process."""
