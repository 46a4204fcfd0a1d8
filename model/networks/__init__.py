"""The networks, from views to predictions, and their checkpoints."""
