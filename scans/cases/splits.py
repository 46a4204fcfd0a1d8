"""Which case is for training, validation or testing; decided by seed and case id, so that new scans move few others."""

import hashlib
from collections.abc import Sequence

from scans.cases.manifest import RawCase
from scans.errors import UserError


def assign_splits(cases: Sequence[RawCase], *, validation_share: float, test_share: float, seed: int) -> dict[str, str]:
    """Split per case id: the source's own where it has one, else seeded; validation comes out of train.

    All cases of a patient share one split, and shares count patients; a case without a known patient is its own.

    Args:
        validation_share: share of the training patients, rounded, that become validation cases; at least one where
            it is above 0 and two are there.
        test_share: share, rounded, of the patients without a split of their own that become test cases.

    Raises:
        UserError: the source's own splits part a patient's cases.
    """
    splits: dict[str, str] = {}
    for case in cases:
        if case.split is not None and splits.setdefault(_patient(case), case.split) != case.split:
            raise UserError(f"{case.id}: the source has another split for this patient's other jaw. Mend its list.")
    free = list(dict.fromkeys(_patient(case) for case in cases if _patient(case) not in splits))
    tests = _seeded_share(free, test_share, f"{seed}/test")
    splits.update({patient: "test" if patient in tests else "train" for patient in free})
    train = [patient for patient, split in splits.items() if split == "train"]
    validation = _seeded_share(train, validation_share, f"{seed}/validation")
    if not validation and validation_share > 0 and len(train) > 1:
        validation = _seeded_share(train, 1 / len(train), f"{seed}/validation")
    splits.update(dict.fromkeys(validation, "validation"))
    return {case.id: splits[_patient(case)] for case in cases}


def _patient(case: RawCase) -> str:
    return case.patient or case.id


def _seeded_share(ids: Sequence[str], share: float, salt: str) -> set[str]:
    ranked = sorted(ids, key=lambda case_id: hashlib.sha256(f"{salt}/{case_id}".encode()).digest())
    return set(ranked[: round(share * len(ids))])
