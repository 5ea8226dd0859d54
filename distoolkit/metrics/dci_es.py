"""DCI-ES: how large a probe must be to read the factors off the code."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from distoolkit.metrics.dci import completeness, disentanglement
from distoolkit.metrics.result import card_of, matrix, result
from distoolkit.metrics.table import Floats, Ints, Points, Protocol, Table, table_of

DEPTHS = (1, 2, 3, 4, 8, 10, 12, 14, 16, 18, 20, 32)


def dci_es(
    latents: xr.Dataset,
    *,
    seed: int = 0,
    train: int = 10_000,
    test: int = 5_000,
    trees: int = 100,
    depths: tuple[int, ...] = DEPTHS,
    protocol: Protocol = None,
) -> xr.Dataset:
    """Score explicitness and size beside DCI, with forests of growing depth (Eastwood et al. 2023).

    Explicitness: how soon the loss falls as the probe may grow, 1 if the smallest probe does as well as any, about 0
    if it takes the largest. Size: the number of factors per unit that moves, 1 for a code as short as the factors. Sees
    information that is there but hard to read. The values depend on the family of probes and the range of depths:
    compare scores with the same settings only.

    Parameters
    ----------
    latents
        Codes with factors. Categorical factors are classified, others regressed.
    seed
        Fixes which points are drawn, and the forests.
    train, test
        Numbers of points, at most.
    trees
        In each forest.
    depths
        Capacities of the probe, increasing. One forest of the largest depth is grown for each factor and read off
        at each depth: a tree cut short is distributed as one that was grown less deep.
    protocol
        ``"disentanglement_lib"`` draws the points as that library does.

    Returns
    -------
    Scores ``dci_es_explicitness``, ``dci_es_size``, and ``dci_es_disentanglement``, ``dci_es_completeness``,
    ``dci_es_informativeness`` at the depth with the best informativeness; ``loss_by_depth`` (factor, depth),
    ``importance_forest`` (factor, unit).
    """
    table = table_of(latents)
    table.need_factors()
    fit, held = table.split(train, test, seed=seed, protocol=protocol)
    probes = [_probe(table, k, fit, held, trees, depths, seed) for k in range(len(table.factor_names))]
    loss = np.stack([p[0] for p in probes])
    baseline = np.array([p[2] for p in probes])
    chosen = int(loss.mean(axis=0).argmin())
    importance = np.zeros((len(probes), len(table.units)))
    importance[:, table.moving] = np.stack([p[1][chosen] for p in probes])
    kept = importance[:, table.moving]
    each = explicitness(loss, baseline, np.asarray(depths, dtype=np.float64))
    scores = {
        "dci_es_explicitness": float(each.mean()),
        "dci_es_size": len(table.factor_names) / max(int(table.moving.sum()), 1),
        "dci_es_disentanglement": disentanglement(kept),
        "dci_es_completeness": completeness(kept),
        "dci_es_informativeness": float(1 - loss[:, chosen].mean()),
    }
    card = card_of(
        table,
        variant="random forests by depth; accuracy for categorical factors, R2 for others",
        seed=seed,
        protocol=protocol,
        samples={"train": len(fit), "test": len(held)},
        settings={"trees": trees, "depths": list(depths), "chosen_depth": depths[chosen]},
        estimator="random forests of scikit-learn, read off at each depth",
        packages=("scikit-learn",),
        interval="none: each resample is a whole new fit",
    )
    matrices = {
        "importance_forest": matrix(table, importance),
        "loss_by_depth": xr.DataArray(
            loss, dims=("factor", "depth"), coords={"factor": table.factor_names, "depth": list(depths)}
        ),
    }
    return result(scores, card, matrices=matrices)


def explicitness(loss: Floats, baseline: Floats, capacity: Floats) -> Floats:
    """One minus the area between each loss curve and its lowest value, relative to a straight fall to no loss.

    Parameters
    ----------
    loss
        (factor, capacity); made monotone by its running minimum.
    baseline
        (factor,) loss of a probe that knows nothing.
    capacity
        (capacity,), increasing. A single one leaves no area: explicitness 1.
    """
    monotone = np.minimum.accumulate(loss, axis=1)
    if len(capacity) < 2:
        return np.ones(len(loss))
    area = np.trapezoid(monotone - monotone[:, -1:], capacity, axis=1)
    return np.asarray(1 - area / (0.5 * (capacity[-1] - capacity[0]) * baseline))


def _probe(
    table: Table, k: int, fit: Points, held: Points, trees: int, depths: tuple[int, ...], seed: int
) -> tuple[Floats, Floats, float]:
    """Return the test loss at each depth, the (depth, unit) importances, and the baseline loss of one factor."""
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    categorical = table.factor_kinds[k] == "categorical"
    kind: Any = RandomForestClassifier if categorical else RandomForestRegressor
    labels, truth = fit.factors[:, k], held.factors[:, k]
    moving = table.moving
    forest = kind(n_estimators=trees, max_depth=max(depths), random_state=seed, n_jobs=1)
    forest.fit(fit.code[:, moving], labels)
    found = [read_tree(tree.tree_, held.code[:, moving].astype(np.float32), depths) for tree in forest.estimators_]
    predicted = np.mean([p for p, _ in found], axis=0)
    importance = np.mean([i for _, i in found], axis=0)
    if categorical:
        loss = np.array([np.mean(forest.classes_[p.argmax(axis=1)] != truth) for p in predicted])
        return loss, importance, 1 - 1 / int(table.sizes[k])
    spread = max(float(np.var(truth)), 1e-12)
    return np.array([np.mean((p[:, 0] - truth) ** 2) / spread for p in predicted]), importance, 1.0


def read_tree(tree: Any, code: np.ndarray, depths: tuple[int, ...]) -> tuple[Floats, Floats]:
    """Read a grown tree off as if it had been stopped at each depth.

    Parameters
    ----------
    tree
        scikit-learn's ``tree_``.
    code
        (sample, unit) float32, which is what the tree compares.
    depths
        Increasing.

    Returns
    -------
    Its predictions (depth, sample, value) and importances (depth, unit), the latter summing to 1 or all 0.
    """
    values = tree.value[:, 0, :]
    node, level = np.zeros(len(code), dtype=np.int64), 0
    predictions = []
    for depth in depths:
        while level < depth:
            inner = np.flatnonzero(tree.children_left[node] >= 0)
            at = node[inner]
            left = code[inner, tree.feature[at]] <= tree.threshold[at]
            node[inner] = np.where(left, tree.children_left[at], tree.children_right[at])
            level += 1
        predictions.append(values[node])
    return np.stack(predictions), _importances(tree, code.shape[1], depths)


def _importances(tree: Any, width: int, depths: tuple[int, ...]) -> Floats:
    """Impurity decreases of the nodes above each depth, by unit."""
    inner = np.flatnonzero(tree.children_left >= 0)
    left, right = tree.children_left[inner], tree.children_right[inner]
    weighted = tree.weighted_n_node_samples * tree.impurity
    decrease = weighted[inner] - weighted[left] - weighted[right]
    height = node_depths(tree.children_left, tree.children_right)[inner]
    found = np.zeros((len(depths), width))
    for row, depth in zip(found, depths, strict=True):
        np.add.at(row, tree.feature[inner], decrease * (height < depth))
    total = found.sum(axis=1, keepdims=True)
    return np.asarray(np.divide(found, total, out=np.zeros_like(found), where=total > 0))


def node_depths(left: Ints, right: Ints) -> Ints:
    """Depth of each node of a tree whose children have higher numbers than their parents."""
    depth = np.zeros(len(left), dtype=np.int64)
    for node in np.flatnonzero(left >= 0):
        depth[[left[node], right[node]]] = depth[node] + 1
    return depth
