"""The penalty against slow loops and scikit-learn; its factor and null space against dense algebra."""

from __future__ import annotations

import numpy as np
import pytest
from distoolkit_isometry.cholesky import Cholesky
from distoolkit_isometry.dissection import _least_cover, dissect, geodesic_coordinates
from distoolkit_isometry.hessian import (
    _assemble,
    _rows,
    blocks,
    fewest_neighbours,
    penalty,
    second_order_basis,
    tangent_coordinates,
    usual_neighbours,
)
from distoolkit_isometry.neighbours import distinct, graph, nearest, pieces, principal_subspace
from distoolkit_isometry.nullspace import null_space
from scipy.linalg import subspace_angles
from scipy.sparse import csr_array
from sklearn.manifold import LocallyLinearEmbedding
from sklearn.neighbors import NearestNeighbors


def flat(count, latents, seed=0, size=10):
    generator = np.random.default_rng(seed)
    z = generator.uniform(size=(count, latents))
    return z @ np.linalg.qr(generator.standard_normal((size, latents)))[0].T, z


@pytest.mark.parametrize(
    ("latents", "ridge"), [(1, 0.01), (1, 1.0), *((d, r) for d in (2, 3) for r in (0.0, 0.01, 1.0))]
)
def test_flat_data_have_an_exact_null_space(latents, ridge, r2):
    points, z = flat(600, latents)
    around = nearest(points, usual_neighbours(latents))
    found = null_space(penalty(points, around, latents, ridge), graph(points, around), latents)
    assert np.abs(found.eigenvalues[:latents]).max() < 1e-12
    assert found.gap > 1e6
    assert r2(z, found.coordinates).min() > 1 - 1e-8
    np.testing.assert_allclose(np.cov(found.coordinates.T, bias=True).reshape(latents, -1), np.eye(latents), atol=1e-10)


def test_without_a_ridge_one_dimension_has_too_few_equations():
    """Points that share their neighbours repeat one equation: why the pure Hessian form is not the default."""
    points, _ = flat(600, 1)
    around = nearest(points, usual_neighbours(1))
    for ridge, stands_out in ((0.0, False), (0.01, True)):
        found = null_space(penalty(points, around, 1, ridge), graph(points, around), 1)
        assert (found.gap > 1e6) is stands_out


@pytest.mark.parametrize("ridge", [0.0, 0.01, 1.0])
def test_the_penalty_is_symmetric_semidefinite_and_blind_to_constants(ridge, make_roll):
    points, _ = make_roll(400)
    matrix = penalty(points, nearest(points, 15), 2, ridge).toarray()
    assert np.abs(matrix - matrix.T).max() < 1e-12
    assert np.abs(matrix.sum(axis=0)).max() < 1e-10
    assert np.linalg.eigvalsh(matrix)[0] > -1e-12 * np.trace(matrix)


def test_each_neighbourhood_penalises_a_projection_of_the_right_rank(make_roll):
    points, _ = make_roll(200, copies=2)
    tangent, _ = tangent_coordinates(next(iter(blocks(points, nearest(points, 30)))), 4)
    basis = second_order_basis(tangent)
    for row in basis[:20]:
        projection = row @ row.T
        np.testing.assert_allclose(projection @ projection, projection, atol=1e-10)
        assert round(np.trace(projection)) == 10
    assert np.abs(basis.sum(axis=1)).max() < 1e-10
    assert np.abs(tangent.transpose(0, 2, 1) @ basis).max() < 1e-10


def test_neighbourhoods_of_lower_rank_penalise_less():
    line = np.zeros((1, 6, 2))
    line[0, :, 0] = np.linspace(-1, 1, 6)  # two tangent directions asked for, one there
    line[0, :, 1] = 0
    tangent = np.stack([line[0, :, 0] / np.linalg.norm(line[0, :, 0]), np.zeros(6)], axis=1)[None]
    basis = second_order_basis(tangent)
    assert round(float((basis**2).sum())) == 1  # x^2 alone


@pytest.mark.parametrize("ridge", [0.0, 0.01])
def test_the_hessian_form_agrees_with_a_slow_thin_qr(ridge, make_roll):
    points, _ = make_roll(150, copies=2)
    latents, size = 4, 22
    around = nearest(points, size)
    local, spread = [], []
    for index in around:
        centred = points[index] - points[index].mean(axis=0)
        left, singular, _ = np.linalg.svd(centred, full_matrices=False)
        linear = left[:, :latents]
        products = [linear[:, a] * linear[:, b] for a in range(latents) for b in range(a, latents)]
        whole = np.column_stack([np.ones(size), linear, *products])
        thin, _ = np.linalg.qr(whole)
        second = thin[:, 1 + latents :]
        rest = np.eye(size) - np.ones((size, size)) / size - linear @ linear.T
        local.append((1 - ridge) * second @ second.T + ridge * rest)
        spread.append((singular[:latents] ** 2).mean())
    weight = (np.median(spread) / np.array(spread)) ** 2
    expected = np.zeros((150, 150))
    for index, block, w in zip(around, local, weight, strict=True):
        expected[np.ix_(index, index)] += w * block
    np.testing.assert_allclose(penalty(points, around, latents, ridge).toarray(), expected, atol=1e-9)


@pytest.mark.parametrize("method", ["hessian", "ltsa"])
def test_scikit_learns_hessian_is_ltsa(method, make_roll):
    """With ridge 1, no weights and itself excluded, ours spans what scikit-learn gives for *both* its methods."""
    points, _ = make_roll(500)
    theirs = LocallyLinearEmbedding(n_neighbors=15, n_components=2, method=method, eigen_solver="dense")
    embedded = theirs.fit_transform(points)
    around = NearestNeighbors(n_neighbors=16).fit(points).kneighbors(points, return_distance=False)[:, 1:]
    tangent, _ = tangent_coordinates(next(iter(blocks(points, around))), 2)
    matrix = _assemble(_rows(tangent, 1.0), around, np.ones(500), 2, 1.0)
    ours = null_space(matrix, graph(points, around), 2).coordinates
    assert subspace_angles(ours, embedded).max() < 1e-6


def test_the_thin_form_is_not_scikit_learns(make_roll):
    points, _ = make_roll(500)
    theirs = LocallyLinearEmbedding(n_neighbors=15, n_components=2, method="hessian", eigen_solver="dense")
    embedded = theirs.fit_transform(points)
    around = nearest(points, 15)
    ours = null_space(penalty(points, around, 2, 0.0), graph(points, around), 2).coordinates
    assert subspace_angles(ours, embedded).max() > 1e-4


@pytest.mark.parametrize(("latents", "copies", "count"), [(2, 1, 900), (4, 2, 700)])
def test_the_sparse_factor_solves_as_dense_algebra_does(latents, copies, count, make_roll):
    points, _ = make_roll(count, copies=copies)
    around = nearest(points, fewest_neighbours(latents) + 8)
    matrix = penalty(points, around, latents)
    fronts = dissect(matrix, geodesic_coordinates(graph(points, around), 2 * latents))
    assert len(fronts) > 1
    assert sorted(np.concatenate([f.rows for f in fronts])) == list(range(count))
    factor = Cholesky(matrix, fronts, 1e-3)
    right = np.random.default_rng(0).standard_normal((count, 3))
    expected = np.linalg.solve(matrix.toarray() + 1e-3 * np.eye(count), right)
    np.testing.assert_allclose(factor.solve(right), expected, rtol=1e-8, atol=1e-8)
    assert factor.entries < count * (count + 1) / 2


def test_an_indefinite_matrix_is_refused():
    matrix = csr_array(np.diag([1.0, -1.0, 1.0]))
    with pytest.raises(np.linalg.LinAlgError):
        Cholesky(matrix, dissect(matrix, np.arange(3.0)[:, None]), 0.0)


def test_the_iteration_finds_the_eigenvalues_of_the_dense_matrix(make_roll):
    points, _ = make_roll(900)
    around = nearest(points, 15)
    matrix = penalty(points, around, 2)
    found = null_space(matrix, graph(points, around), 2)
    dense = np.linalg.eigvalsh(matrix.toarray())[1:5] / matrix.diagonal().mean()
    np.testing.assert_allclose(found.eigenvalues[:4], dense, rtol=1e-6, atol=1e-15)


def test_separators_are_least_covers():
    links = csr_array(np.array([[1, 1, 1, 1], [1, 0, 0, 0], [1, 0, 0, 0]], dtype=np.int8))
    rows, columns = _least_cover(links)
    assert rows.tolist() == [True, False, False]
    assert columns.tolist() == [True, False, False, False]


@pytest.mark.parametrize("size", [3, 40])
def test_neighbours_are_those_of_a_full_search(size):
    points = np.random.default_rng(0).standard_normal((300, size))
    distance = np.linalg.norm(points[:, None] - points, axis=2)
    expected = np.argsort(distance, axis=1)[:, :12]
    np.testing.assert_array_equal(nearest(points, 12), expected)


def test_duplicates_are_merged_in_order():
    first, member = distinct(np.array([[2.0, 2], [1, 1], [2, 2], [0, 0], [1, 1]]))
    assert first.tolist() == [0, 1, 3]
    assert member.tolist() == [0, 1, 0, 2, 1]


def test_wide_points_that_differ_in_one_entry_stay_apart():
    """Only some entries are looked at first; the whole rows decide."""
    points = np.zeros((3, 1000), np.float32)
    points[1, 999] = 1
    first, member = distinct(points)
    np.testing.assert_array_equal(first, [0, 1])
    np.testing.assert_array_equal(member, [0, 1, 0])


def test_pieces_are_numbered_by_size():
    points = np.concatenate([np.zeros((5, 1)), np.full((9, 1), 50.0)]) + np.arange(14)[:, None] * 0.1
    assert pieces(nearest(points, 3)).tolist() == [1] * 5 + [0] * 9


@pytest.mark.parametrize("size", [50, 600])
def test_the_principal_subspace_holds_the_variance(size):
    generator = np.random.default_rng(0)
    points = generator.standard_normal((400, 5)) @ generator.standard_normal((5, size)) + 3
    points += 1e-3 * generator.standard_normal(points.shape)
    found = principal_subspace(points, 5)
    exact = np.linalg.svd(points - points.mean(axis=0), full_matrices=False)[2][:5].T
    assert subspace_angles(found.basis, exact).max() < 1e-3
    assert 1 - 1e-4 < found.kept < 1
    np.testing.assert_allclose(found.project(points), (points - points.mean(axis=0)) @ found.basis, atol=1e-9)
