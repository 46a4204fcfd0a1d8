"""The radius estimator: crown sizes of boxes, a single crown by hand, jaws whose best estimate is known, its file."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from model.reconstruction.fit_radius_estimator import HeldOut, fit_radius_estimator
from model.reconstruction.radius_estimator import (
    RadiusEstimator,
    log_crown_sizes,
    read_radius_estimator,
    write_radius_estimator,
)
from scans.errors import UserError

SIZES = 24


def box(fdi: int, x: float, y: float, *size: float) -> tuple[np.ndarray, np.ndarray]:
    """A grid of 7³ points that fills a box, and their labels."""
    grid = np.stack(np.meshgrid(*[np.linspace(-0.5, 0.5, 7)] * 3), axis=-1).reshape(-1, 3)
    return grid * size + [x, y, 0], np.full(len(grid), fdi, np.uint8)


def jaw(*boxes: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    points, labels = zip(*boxes, strict=True)
    return np.concatenate(points), np.concatenate(labels)


def test_sizes_are_the_mean_of_both_sides_and_nan_where_no_crown_is() -> None:
    points, labels = jaw(
        box(12, 0.4, 0, 0.2, 0.1, 0.3), box(11, 0.2, 0, 0.2, 0.2, 0.3), box(21, -0.2, 0, 0.3, 0.2, 0.5)
    )
    sizes = np.exp(log_crown_sizes(points, labels)).reshape(8, 3)
    np.testing.assert_allclose(sizes[0], [0.25, 0.2, 0.4])
    np.testing.assert_allclose(sizes[1], [0.2, 0.1, 0.3])
    assert np.isnan(sizes[2:]).all()


def test_a_few_points_of_a_wrong_label_are_no_crown_and_no_part_of_one() -> None:
    crowns = jaw(box(11, 0.2, 0, 0.2, 0.2, 0.3), box(21, -0.2, 0, 0.2, 0.2, 0.3))
    stray = np.tile([0.0, 0.9, 0.0], (2, 1))
    with_stray = jaw(crowns, (stray[:1], np.uint8([28])), (stray, np.uint8([11, 11])))
    np.testing.assert_allclose(log_crown_sizes(*with_stray), log_crown_sizes(*crowns), atol=0.02)


def test_points_without_crowns_have_no_sizes() -> None:
    assert np.isnan(log_crown_sizes(np.zeros((5, 3)), np.zeros(5, np.uint8))).all()


def of_one_crown(noise: float) -> RadiusEstimator:
    """The width of central incisors has a standard deviation of 0.2, the radius of 0.1, their covariance is −0.01."""
    covariance = np.eye(SIZES + 1) * 0.04
    covariance[-1, -1] = 0.01
    covariance[0, -1] = covariance[-1, 0] = -0.01
    mean = np.zeros(SIZES + 1)
    mean[-1] = np.log(40)
    return RadiusEstimator(mean, covariance, np.full(SIZES, 0.05), np.full(SIZES, noise), np.array(0.75), {})


@pytest.mark.parametrize(
    ("seen", "noise", "expected"),
    [
        (0.15, 0.0, -0.025),  # 0.1 over the expectation, the bias taken off, times −0.01 / 0.04
        (0.15, 0.04, -0.0125),  # half of its variance is noise
        (9.0, 0.0, -0.15),  # counts as three standard deviations
    ],
)
def test_one_crown_by_hand(seen: float, noise: float, expected: float) -> None:
    sizes = np.full(SIZES, np.nan)
    sizes[0] = seen
    found = of_one_crown(noise).expected_log_radius(sizes)
    assert found - np.log(40) == pytest.approx(expected, abs=1e-5)


def test_the_networks_radius_has_its_share_and_is_all_without_crowns() -> None:
    estimator = of_one_crown(0.0)
    assert estimator(np.zeros((5, 3)), np.zeros(5, np.uint8), 50.0) == 50.0
    points, labels = jaw(box(11, 0.2, 0, 1.0, 1.0, 1.0), box(21, -0.2, 0, 1.0, 1.0, 1.0))
    crowns = np.log(40) + 0.05 / 4
    assert np.log(estimator(points, labels, 50.0)) == pytest.approx(0.75 * crowns + 0.25 * np.log(50))


def drawn(count: int, seed: int, *, off: float = 0.06) -> tuple[np.ndarray, list[HeldOut]]:
    """Jaws (J, S + 1), and as they are observed: radii of 40 mm ± 10 %, crowns of ± 5 %, 3 % of it common to all.

    Observed with errors of 8 % and a bias of 4 %, the radius by the network with one of `off`; one crown size of ten is
    not there.
    """
    rng = np.random.default_rng(seed)
    radius = np.log(40) + rng.normal(0, 0.1, (count, 1))
    sizes = np.log(9) + rng.normal(0, 0.03, (count, 1)) + rng.normal(0, 0.04, (count, SIZES)) - radius
    sizes[rng.random(sizes.shape) < 0.1] = np.nan
    true = np.hstack([sizes, radius])
    errors = np.hstack([rng.normal(0.04, 0.08, sizes.shape), rng.normal(0, off, radius.shape)])
    return true, [HeldOut(*pair) for pair in zip(true + errors, true, strict=True)]


def test_it_comes_near_the_best_estimate_that_there_is() -> None:
    estimator = fit_radius_estimator(drawn(400, 0)[0], drawn(50, 1)[1])
    assert estimator is not None
    unseen = drawn(2000, 2)[1]
    by_crowns = np.array([estimator.expected_log_radius(each.observed[:-1]) - each.true[-1] for each in unseen])
    # By hand: the mean of some 22 sizes is off by 0.03, for what they have in common, and by 0.04 and 0.08 each; the
    # spread of 0.1 over jaws helps a little.
    crowns = 0.03**2 + (0.04**2 + 0.08**2) / (0.9 * SIZES)
    best = (1 / crowns + 1 / 0.1**2) ** -0.5
    assert by_crowns.std() == pytest.approx(best, rel=0.1)
    assert abs(by_crowns.mean()) < 0.01
    # Of two independent errors, shares are as the inverse variances.
    share = best**-2 / (best**-2 + 0.06**-2)
    assert estimator.share == pytest.approx(share, abs=0.1)
    assert estimator.description == {"jaws": 400, "held_out": 50, "share": round(float(estimator.share), 3)}


@pytest.mark.parametrize(("off", "least", "most"), [(0.001, 0.0, 0.05), (0.5, 0.9, 1.0)])
def test_the_share_is_that_of_the_better_of_the_two(off: float, least: float, most: float) -> None:
    estimator = fit_radius_estimator(drawn(100, 0)[0], drawn(20, 1, off=off)[1])
    assert estimator is not None
    assert least <= estimator.share <= most


def test_crowns_whose_errors_have_a_common_cause_lose_their_share_to_the_network() -> None:
    """Sizes that are all too large or too small at once look certain, and are wrong; held-out jaws tell."""
    jaws, observed = drawn(100, 0)
    rng = np.random.default_rng(3)
    common = np.append(np.ones(SIZES), 0)
    blobs = [HeldOut(each.observed + rng.normal(0, 0.4) * common, each.true) for each in observed[:8]]
    estimator = fit_radius_estimator(jaws, blobs)
    assert estimator is not None
    assert estimator.share < 0.2


@pytest.mark.parametrize(("jaws", "held_out"), [(9, 5), (20, 3), (20, 0)])
def test_too_few_jaws_give_none(jaws: int, held_out: int) -> None:
    assert fit_radius_estimator(drawn(jaws, 0)[0], drawn(held_out, 1)[1]) is None


def test_jaws_without_labels_give_none() -> None:
    jaws, held_out = drawn(20, 0)
    without = jaws.copy()
    without[:, :-1] = np.nan
    assert fit_radius_estimator(without, held_out) is None
    assert fit_radius_estimator(jaws, [HeldOut(own, other) for own, other in zip(jaws, without, strict=True)]) is None
    assert fit_radius_estimator(jaws, held_out) is not None


def test_a_crown_that_no_held_out_jaw_has_is_as_uncertain_as_the_others() -> None:
    jaws, held_out = drawn(40, 0)
    for each in held_out:
        each.observed[3] = np.nan
    estimator = fit_radius_estimator(jaws, held_out)
    assert estimator is not None
    assert estimator.bias[3] == 0
    assert np.sqrt(estimator.noise[3]) == pytest.approx(0.08, rel=0.1)


def test_its_file(tmp_path: Path) -> None:
    path = tmp_path / "radius_estimator.safetensors"
    assert read_radius_estimator(path, "weights") is None
    write_radius_estimator(None, path, "weights")
    assert read_radius_estimator(path, "weights") is None
    estimator = replace(of_one_crown(0.04), description={"jaws": 3, "held_out": 2})
    write_radius_estimator(estimator, path, "weights")
    assert read_radius_estimator(path, "others") is None
    again = read_radius_estimator(path, "weights")
    assert again is not None
    assert again.description == estimator.description
    np.testing.assert_array_equal(again.covariance, estimator.covariance.astype(np.float32))


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        ({"mean": np.zeros(24)}, r"mean has the shape \(24,\)"),
        ({"covariance": np.eye(24)}, r"covariance has the shape \(24, 24\)"),
        ({"noise": np.zeros((24, 1))}, "noise has the shape"),
        ({"bias": np.full(24, np.nan)}, "bias is not finite"),
        (None, ""),
    ],
)
def test_a_damaged_file_is_told(damage: dict[str, np.ndarray] | None, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "radius_estimator.safetensors"
    write_radius_estimator(replace(of_one_crown(0.0), **damage or {}), path, "weights")
    if damage is None:
        path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(
        UserError, match=rf"radius_estimator.safetensors: not readable as a radius estimator \({reason}"
    ):
        read_radius_estimator(path, "weights")
