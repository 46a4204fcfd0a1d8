"""Prefect flows: what the UI triggers. They call DVC, nothing else."""
