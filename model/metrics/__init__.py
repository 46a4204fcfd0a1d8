"""Evaluation metrics, baselines and their confidence intervals."""
