"""Reconstruction from a user's pictures or scan: reading them, the trained model, the result's files."""
