"""Sampling points on a surface."""
