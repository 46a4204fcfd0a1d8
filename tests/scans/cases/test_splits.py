from collections import Counter

import pytest

from scans.cases.manifest import RawCase
from scans.cases.splits import assign_splits
from scans.errors import UserError


def cases(count: int, split: str | None) -> list[RawCase]:
    return [RawCase(f"{split}{n:03d}", "a.obj", None, split) for n in range(count)]


def test_the_sources_own_split_is_kept_and_validation_comes_out_of_train() -> None:
    own = cases(80, "train") + cases(40, "test")
    splits = assign_splits(own, validation_share=0.1, test_share=0.5, seed=0)
    assert Counter(splits.values()) == {"train": 72, "validation": 8, "test": 40}
    assert all(splits[case.id] == "test" for case in own if case.split == "test")


def test_without_a_split_of_its_own_the_shares_decide() -> None:
    splits = assign_splits(cases(100, None), validation_share=0.25, test_share=0.2, seed=0)
    assert Counter(splits.values()) == {"train": 60, "validation": 20, "test": 20}
    everything = assign_splits(cases(4, None), validation_share=0.0, test_share=1.0, seed=0)
    assert set(everything.values()) == {"test"}


def test_a_few_cases_still_leave_one_for_validation() -> None:
    splits = assign_splits(cases(3, "train"), validation_share=0.1, test_share=0.0, seed=0)
    assert Counter(splits.values()) == {"train": 2, "validation": 1}
    assert assign_splits(cases(1, "train"), validation_share=0.1, test_share=0.0, seed=0) == {"train000": "train"}
    none = assign_splits(cases(3, "train"), validation_share=0.0, test_share=0.0, seed=0)
    assert set(none.values()) == {"train"}


def test_a_patients_jaws_never_part() -> None:
    both = [
        RawCase(f"{n:03d}_{jaw}", "a.obj", None, split, jaw=jaw, patient=f"{n:03d}")
        for n in range(60)
        for jaw in ("upper", "lower")
        for split in ("train" if n < 30 else None,)
    ]
    splits = assign_splits(both, validation_share=0.2, test_share=0.2, seed=0)
    assert all(splits[f"{n:03d}_upper"] == splits[f"{n:03d}_lower"] for n in range(60))
    assert Counter(splits.values()) == {"train": 86, "validation": 22, "test": 12}


def test_a_source_that_parts_a_patient_is_refused() -> None:
    parted = [
        RawCase(f"P_{jaw}", "a.obj", None, split, jaw=jaw, patient="P")
        for jaw, split in (("upper", "train"), ("lower", "test"))
    ]
    with pytest.raises(UserError, match="P_lower: the source has another split"):
        assign_splits(parted, validation_share=0.1, test_share=0.1, seed=0)


def test_order_changes_nothing_and_the_seed_does() -> None:
    def split(order: int, seed: int) -> dict[str, str]:
        return assign_splits(cases(50, None)[::order], validation_share=0.2, test_share=0.2, seed=seed)

    assert split(1, 0) == split(-1, 0)
    assert split(1, 0) != split(1, 1)


def test_a_new_scan_moves_few_others() -> None:
    before = assign_splits(cases(100, None), validation_share=0.2, test_share=0.2, seed=0)
    after = assign_splits(cases(101, None), validation_share=0.2, test_share=0.2, seed=0)
    assert sum(after[case_id] != split for case_id, split in before.items()) <= 2
