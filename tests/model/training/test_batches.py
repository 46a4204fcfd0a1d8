import dataclasses

import torch

from model.training.batches import drop_views
from tests.model.training.test_loop import CONFIG


def test_dropped_views_leave_enough_and_never_show_a_masked_one() -> None:
    shown = torch.ones(4000, 10, dtype=torch.bool)
    shown[:, 3] = False
    shown[:1000, 4:] = False  # these show three views, fewer than the least
    config = dataclasses.replace(CONFIG, view_dropout=0.5, min_views=5)
    kept = drop_views(shown, config, torch.Generator().manual_seed(0))
    assert not (kept & ~shown).any()
    assert torch.equal(kept[:1000], shown[:1000])
    counts = kept[1000:].sum(dim=1)
    assert set(counts.tolist()) == {5, 6, 7, 8, 9}
    assert 0.45 < (counts < 9).float().mean() < 0.55
    assert (kept[1000:, shown[1000]].float().mean(dim=0) > 0.7).all(), "any view may be dropped"
