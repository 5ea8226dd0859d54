"""Every built-in metric keeps the contract."""

from __future__ import annotations

import pytest

from distoolkit.metrics.catalogue import METRICS
from distoolkit.testing.metrics import check_metric

QUICK = {
    "dci_es": {"trees": 5, "depths": (1, 2, 4, 8)},
    "factor_vae": {"train": 400, "test": 200},
    "beta_vae": {"train": 400, "test": 200},
}
SLOW = ("dci_gbt",)  # scikit-learn grows one tree for each class and stage, however few the points


@pytest.mark.parametrize("name", [pytest.param(m.name, marks=[pytest.mark.slow] * (m.name in SLOW)) for m in METRICS])
def test_metric(name):
    check_metric(name, **QUICK.get(name, {}))
