"""Training: the loop, its saved state, and what it starts from."""
