"""Random generators seeded per case, so that neither order nor number of workers changes a result."""

import hashlib

import numpy as np


def generator(seed: int, case_id: str) -> np.random.Generator:
    """A NumPy Generator seeded with the hash of (seed, case_id)."""
    digest = hashlib.sha256(f"{seed}/{case_id}".encode()).digest()
    return np.random.default_rng(np.frombuffer(digest, dtype=np.uint32))
