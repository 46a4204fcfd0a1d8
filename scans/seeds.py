"""Chance that depends on the case alone, never on the order of work or the number of workers."""

import hashlib

import numpy as np


def generator(seed: int, case_id: str) -> np.random.Generator:
    """A random Generator that (seed, case_id) alone decide."""
    digest = hashlib.sha256(f"{seed}/{case_id}".encode()).digest()
    return np.random.default_rng(np.frombuffer(digest, dtype=np.uint32))
