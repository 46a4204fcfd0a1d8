import numpy as np
import pytest
from scipy.spatial import cKDTree
from scipy.stats import chi2

from scans.errors import ScanError, UserError
from scans.mesh import Mesh
from scans.sampling.sample_surface import sample_surface

METHODS = ["poisson_disk", "stratified", "uniform", "fps"]
TRIANGLE = Mesh(np.array([[0, 0, 0], [3, 0, 0], [0, 3, 0.0]]), np.array([[0, 1, 2]], np.int32))


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def patchwork(columns: int = 40) -> Mesh:
    """A square of side 1 cut into strips of very unequal width, in shuffled face order, one corner label a strip."""
    edges = np.concatenate([[0], np.cumsum(np.geomspace(1, 1000, columns))])
    edges /= edges[-1]
    vertices = np.array([[x, y, 0.0] for x in edges for y in (0, 1)])
    faces = [[2 * k, 2 * k + 2, 2 * k + 1] for k in range(columns)]
    faces += [[2 * k + 1, 2 * k + 2, 2 * k + 3] for k in range(columns)]
    return Mesh(vertices, rng().permutation(np.array(faces, np.int32)))


def sphere(divisions: int = 60) -> Mesh:
    """A unit sphere with small faces at its poles and large ones at its equator, the poles as fans of slivers."""
    theta = np.linspace(0.01, np.pi - 0.01, divisions)
    phi = np.linspace(0, 2 * np.pi, divisions, endpoint=False)
    t, p = np.meshgrid(theta, phi, indexing="ij")
    vertices = np.stack([np.sin(t) * np.cos(p), np.sin(t) * np.sin(p), np.cos(t)], axis=-1).reshape(-1, 3)
    index = np.arange(divisions * divisions).reshape(divisions, divisions)
    a, b = index[:-1], index[1:]
    c, d = np.roll(b, -1, axis=1), np.roll(a, -1, axis=1)
    quads = np.stack([a, b, c, d], axis=-1).reshape(-1, 4)
    return Mesh(vertices, np.concatenate([quads[:, :3], quads[:, [0, 2, 3]]]).astype(np.int32))


def folded(divisions: int = 40) -> Mesh:
    """A square of side 1, folded upwards at a right angle along x = 1/2."""
    u, v = np.meshgrid(*2 * [np.linspace(0, 1, divisions + 1)], indexing="ij")
    index = np.arange(u.size).reshape(u.shape)
    a, b, c, d = index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]
    faces = np.concatenate([np.stack(corners, axis=-1).reshape(-1, 3) for corners in ((a, b, c), (a, c, d))])
    vertices = np.stack([np.minimum(u, 0.5), v, np.maximum(u - 0.5, 0)], axis=-1).reshape(-1, 3)
    return Mesh(vertices, faces.astype(np.int32))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("count", [1, 2, 1000])
@pytest.mark.parametrize("mesh", [TRIANGLE, patchwork()], ids=["triangle", "patchwork"])
def test_exactly_so_many_points_on_the_surface(mesh: Mesh, count: int, method: str) -> None:
    samples = sample_surface(mesh, count, rng(), method)
    x, y, z = samples.points.T
    assert samples.points.shape == (count, 3)
    assert samples.points.dtype == np.float64
    assert (z == 0).all()
    assert (np.minimum(x, y) >= 0).all()
    assert (x + y <= 3 * (1 + 1e-15)).all()
    assert samples.normals.dtype == np.float32
    np.testing.assert_array_equal(samples.normals, np.tile([0, 0, 1], (count, 1)))
    assert samples.labels.dtype == np.uint8
    assert not samples.labels.any()
    assert len(np.unique(samples.points, axis=0)) == count


@pytest.mark.parametrize("method", METHODS)
def test_normals_and_labels_belong_to_the_point(method: str, tetrahedron: Mesh) -> None:
    samples = sample_surface(tetrahedron, 2000, rng(), method)
    corners = tetrahedron.vertices[tetrahedron.faces]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    offsets = np.einsum("nj,fj->nf", samples.points, normals) - np.einsum("fj,fj->f", corners[:, 0], normals)
    face = np.abs(offsets).argmin(axis=1)
    assert np.abs(offsets).min(axis=1).max() < 1e-15
    np.testing.assert_allclose(samples.normals, normals[face], atol=1e-6)
    # the nearest vertex of a regular tetrahedron is always one of the point's own face
    assert tetrahedron.labels is not None
    _, nearest = cKDTree(tetrahedron.vertices).query(samples.points)
    np.testing.assert_array_equal(samples.labels, tetrahedron.labels[nearest])


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("mesh", [patchwork(), sphere()], ids=["patchwork", "sphere"])
def test_density_is_even(mesh: Mesh, method: str) -> None:
    """Chi-square over patches of equal area, cut across the faces, and summed over seeds against a lasting bias."""
    total = np.zeros((8, 8))
    for seed in range(6):
        points = sample_surface(mesh, 6400, rng(seed), method).points
        if mesh.vertices[:, 2].any():  # sphere: z and longitude cut it evenly
            u, v = (points[:, 2] + 1) / 2, np.arctan2(points[:, 1], points[:, 0]) / (2 * np.pi) + 0.5
        else:
            u, v = points[:, 0], points[:, 1]
        counts, _, _ = np.histogram2d(u, v, bins=8, range=[[0, 1], [0, 1]])
        total += counts
        assert ((counts - 100) ** 2 / 100).sum() < chi2.ppf(0.9999, 63)
    assert ((total - 600) ** 2 / 600).sum() < chi2.ppf(0.9999, 63)


def test_the_order_of_the_faces_favours_no_part() -> None:
    """The last round of darts ends early: were the candidates asked in face order, the first faces would gain 1 %."""
    edges = np.linspace(0, 1, 101)
    vertices = np.array([[x, y, 0.0] for x in edges for y in (0, 1)])
    faces = [face for k in range(0, 200, 2) for face in ([k, k + 2, k + 1], [k + 1, k + 2, k + 3])]
    mesh = Mesh(vertices, np.array(faces, np.int32))
    in_first_half = [(sample_surface(mesh, 1000, rng(seed)).points[:, 0] < 0.5).sum() for seed in range(40)]
    assert np.mean(in_first_half) == pytest.approx(500, abs=2.5)


def test_poisson_is_as_dense_at_borders_and_creases_as_elsewhere() -> None:
    """Without the strip half a spacing at the border holds 50 % too many, without `way2` the crease 10 % too few."""
    count, seeds = 2000, range(40)
    spacing = 0.7 * np.sqrt(2 / np.sqrt(3) / count)
    at_border, at_crease = [], []
    for seed in seeds:
        points = sample_surface(folded(), count, rng(seed)).points
        u, v = points[:, 0] + points[:, 2], points[:, 1]
        at_border.append((np.minimum.reduce([u, 1 - u, v, 1 - v]) < spacing / 2).mean() / (1 - (1 - spacing) ** 2))
        at_crease.append((np.abs(u - 0.5) < spacing).mean() / (2 * spacing))
    assert np.mean(at_border) == pytest.approx(1, abs=0.05)
    assert np.mean(at_crease) == pytest.approx(1, abs=0.04)


@pytest.mark.parametrize("method", ["poisson_disk", "fps"])
@pytest.mark.parametrize("mesh", [patchwork(), sphere()], ids=["patchwork", "sphere"])
def test_far_more_even_than_chance(mesh: Mesh, method: str) -> None:
    """Chi-square over patches of equal area: below what independent points get once in ten thousand times."""
    points = sample_surface(mesh, 6400, rng(), method).points
    if mesh.vertices[:, 2].any():
        u, v = (points[:, 2] + 1) / 2, np.arctan2(points[:, 1], points[:, 0]) / (2 * np.pi) + 0.5
    else:
        u, v = points[:, 0], points[:, 1]
    counts, _, _ = np.histogram2d(u, v, bins=8, range=[[0, 1], [0, 1]])
    assert ((counts - 100) ** 2 / 100).sum() < chi2.ppf(0.0001, 63)


def test_a_first_part_of_farthest_points_is_a_sample_too() -> None:
    points = sample_surface(patchwork(), 4000, rng(), "fps").points[:500]
    distance = cKDTree(points).query(points, k=2)[0][:, 1]
    assert distance.std() / distance.mean() < 0.13


@pytest.mark.parametrize("method", ["poisson_disk", "fps"])
@pytest.mark.parametrize("mesh", [TRIANGLE, patchwork(), sphere()], ids=["triangle", "patchwork", "sphere"])
def test_points_keep_their_distance(mesh: Mesh, method: str) -> None:
    points = sample_surface(mesh, 5000, rng(), method).points
    distance = cKDTree(points).query(points, k=2)[0][:, 1]
    assert distance.std() / distance.mean() < 0.13


def test_uniform_is_not() -> None:
    points = sample_surface(TRIANGLE, 5000, rng(), "uniform").points
    distance = cKDTree(points).query(points, k=2)[0][:, 1]
    assert distance.std() / distance.mean() == pytest.approx(0.5227, abs=0.02)  # sqrt(4/π − 1): independent points


@pytest.mark.parametrize("method", METHODS)
def test_the_generator_alone_decides(method: str) -> None:
    first, second = (sample_surface(patchwork(), 100, rng(3), method) for _ in range(2))
    other = sample_surface(patchwork(), 100, rng(4), method)
    assert first.points.tobytes() == second.points.tobytes()
    assert first.points.tobytes() != other.points.tobytes()


@pytest.mark.parametrize("method", METHODS)
def test_faces_without_area_are_never_hit(method: str) -> None:
    flat = np.array([[0, 0, 0], [0, 1, 1]], np.int32)
    mesh = Mesh(TRIANGLE.vertices, np.concatenate([flat, TRIANGLE.faces, flat]))
    assert np.isfinite(sample_surface(mesh, 500, rng(), method).normals).all()


def test_refusals() -> None:
    with pytest.raises(UserError, match="at least 1, found 0"):
        sample_surface(TRIANGLE, 0, rng())
    with pytest.raises(
        UserError, match=r"unknown sampling method 'even'[.] Use one of poisson_disk, stratified, uniform, fps"
    ):
        sample_surface(TRIANGLE, 1, rng(), "even")  # type: ignore[arg-type]
    for broken in (
        Mesh(TRIANGLE.vertices * 0, TRIANGLE.faces),
        Mesh(TRIANGLE.vertices * np.nan, TRIANGLE.faces),
        Mesh(TRIANGLE.vertices, TRIANGLE.faces[:0]),
    ):
        with pytest.raises(ScanError, match="so that no point can be drawn"):
            sample_surface(broken, 1, rng())
