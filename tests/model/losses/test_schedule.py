import pytest

from model.losses.schedule import LossStage, weights_at


def test_weights_hold_from_their_first_epoch() -> None:
    schedule = [LossStage(0, {"l1": 1.0}), LossStage(10, {"l1": 2.0})]
    assert [weights_at(epoch, 100, schedule, points=5, query_points=7).terms["l1"] for epoch in (0, 9, 10, 99)] == [
        1,
        1,
        2,
        2,
    ]
    assert weights_at(25, 100, schedule, points=5, query_points=7).progress == 0.25


@pytest.mark.parametrize("starts", [[], [1], [0, 5, 5], [0, 5, 3]])
def test_a_schedule_out_of_order_is_refused(starts: list[int]) -> None:
    with pytest.raises(ValueError, match="start at epoch 0"):
        weights_at(0, 1, [LossStage(start, {}) for start in starts], points=5, query_points=7)
