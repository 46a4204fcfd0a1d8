import pytest

from model.losses.schedule import LossStage, weights_at


def test_the_last_stage_that_has_begun_counts() -> None:
    schedule = [LossStage(0, {"l1": 1.0}), LossStage(10, {"l1": 2.0})]
    assert [weights_at(epoch, schedule)["l1"] for epoch in (0, 9, 10, 99)] == [1.0, 1.0, 2.0, 2.0]


@pytest.mark.parametrize("starts", [[], [1], [0, 5, 5], [0, 9, 3]])
def test_a_schedule_must_start_at_0_and_rise(starts: list[int]) -> None:
    with pytest.raises(ValueError, match="must start at epoch 0 and rise"):
        weights_at(0, [LossStage(start, {}) for start in starts])
