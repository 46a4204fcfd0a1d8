"""Which case is for training, validation or testing; decided by seed and case id, so that new scans move few others."""

import hashlib
from collections.abc import Sequence

from scans.manifest import RawCase


def assign_splits(cases: Sequence[RawCase], *, validation_share: float, test_share: float, seed: int) -> dict[str, str]:
    """Split per case id: the source's own where it has one, else seeded; validation comes out of train.

    Args:
        validation_share: share of the training cases, rounded, that become validation cases; at least one where it is
            above 0 and two are there.
        test_share: share, rounded, of the cases without a split of their own that become test cases.
    """
    splits = {case.id: case.split for case in cases if case.split is not None}
    free = [case.id for case in cases if case.split is None]
    tests = _seeded_share(free, test_share, f"{seed}/test")
    splits.update({case_id: "test" if case_id in tests else "train" for case_id in free})
    train = [case_id for case_id, split in splits.items() if split == "train"]
    validation = _seeded_share(train, validation_share, f"{seed}/validation")
    if not validation and validation_share > 0 and len(train) > 1:
        validation = _seeded_share(train, 1 / len(train), f"{seed}/validation")
    splits.update(dict.fromkeys(validation, "validation"))
    return splits


def _seeded_share(ids: Sequence[str], share: float, salt: str) -> set[str]:
    ranked = sorted(ids, key=lambda case_id: hashlib.sha256(f"{salt}/{case_id}".encode()).digest())
    return set(ranked[: round(share * len(ids))])
