"""Workers, progress, resume store and paths; no output depends on it."""
