"""Dot products, norms and sums that add in a stated order, so that the last bit is the same on every machine.

BLAS, `np.linalg.norm`, `np.einsum` and `np.sum` leave the order, and whether a product is rounded before it is added,
to the processor or to the NumPy version. All functions take and return float64.
"""

import numpy as np


def dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Dot products over the last, short axis: (..., D), (..., D) → (...), added from the first component on."""
    products = a * b
    total = products[..., 0]
    for component in range(1, products.shape[-1]):
        total = total + products[..., component]
    return total


def norm(vectors: np.ndarray) -> np.ndarray:
    """Euclidean lengths over the last axis: (..., D) → (...)."""
    return np.sqrt(dot(vectors, vectors))


def unit(vectors: np.ndarray) -> np.ndarray:
    """Vectors (..., D) at unit length; those without length stay."""
    return vectors / np.maximum(norm(vectors), np.finfo(float).tiny)[..., None]


def tangents(normals: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two unit vectors each, at right angles to a unit normal (N, 3) and to each other."""
    first = unit(np.cross(normals, np.where(np.abs(normals[:, :1]) < 0.8, [[1.0, 0.0, 0.0]], [[0.0, 1.0, 0.0]])))
    return first, np.cross(normals, first)


def ordered_sum(values: np.ndarray) -> np.ndarray:
    """The sum over the first axis: (N, ...) → (...), added one after another; 0 of none."""
    return np.add.accumulate(values, axis=0)[-1] if len(values) else np.zeros(values.shape[1:])


def ordered_mean(values: np.ndarray) -> np.ndarray:
    """The mean over the first axis, which isn't empty: (N, ...) → (...)."""
    return ordered_sum(values) / len(values)
