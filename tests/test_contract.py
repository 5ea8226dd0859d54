"""One contract test for every installed method: the core's, the plugins' here, and a stranger's."""

from __future__ import annotations

import pytest

from distoolkit import registry
from distoolkit.testing import check_method


@pytest.mark.filterwarnings("ignore::distoolkit.contract.MethodWarning")  # what a method finds in the images
@pytest.mark.parametrize("name", registry.methods())
def test_the_method_keeps_the_contract(name: str) -> None:
    check_method(name)
