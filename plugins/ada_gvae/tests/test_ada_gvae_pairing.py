from __future__ import annotations

import warnings

import pytest
import torch
from distoolkit_ada_gvae.pairing import Pairing, choices, neighbours

from distoolkit.contract import DataError, MethodWarning
from distoolkit.testing import tiny_images

CPU = torch.device("cpu")
GRID = torch.cartesian_prod(torch.arange(3), torch.arange(2), torch.arange(4))


def drawn(pairing: Pairing, count: int, draws: int = 400) -> tuple[torch.Tensor, torch.Tensor]:
    index = torch.arange(count).repeat(draws)
    return index, pairing.partners(index)


@pytest.mark.parametrize("changes", [1, 2])
def test_on_a_full_grid_pairs_differ_in_one_factor_or_in_at_most_so_many(changes: int) -> None:
    torch.manual_seed(0)
    pairing = Pairing(GRID, changes, CPU)
    assert pairing.paired == 1
    index, partner = drawn(pairing, len(GRID))
    differ = (GRID[index] != GRID[partner]).sum(1)
    assert differ.min() == 1  # never the image itself
    assert differ.max() == changes


def test_each_factor_changes_as_often_and_each_value_is_as_likely() -> None:
    torch.manual_seed(0)
    index, partner = drawn(Pairing(GRID, 1, CPU), len(GRID), 2000)
    change = (GRID[index] != GRID[partner]).float()
    torch.testing.assert_close(change.mean(0), torch.full((3,), 1 / 3), rtol=0, atol=0.01)
    last = (change[:, 2] == 1) & (GRID[index, 2] == 1)
    values = torch.bincount(GRID[partner[last], 2], minlength=4) / last.sum()
    torch.testing.assert_close(values, torch.tensor([1 / 3, 0, 1 / 3, 1 / 3]), rtol=0, atol=0.02)


def test_an_image_without_a_partner_is_its_own_and_the_reader_is_told() -> None:
    factors = torch.tensor([[0, 0, 0], [1, 0, 0], [0, 1, 0], [5, 6, 7]])
    with pytest.warns(MethodWarning, match="only 75% of the images have another that differs in at most 1 factor"):
        pairing = Pairing(factors, 1, CPU)
    index, partner = drawn(pairing, 4)
    assert pairing.paired == 0.75
    assert set(partner[index == 0].tolist()) == {1, 2}
    assert set(partner[index == 1].tolist()) == {0}  # 2 differs in two factors
    assert set(partner[index == 3].tolist()) == {3}


def test_pairs_that_cannot_be_made_are_told() -> None:
    with pytest.raises(DataError, match=r"no two of these images differ in 1 factor\(s\) or less: load more"):
        Pairing(torch.tensor([[0, 0], [1, 1], [2, 2]]), 1, CPU)
    with pytest.raises(DataError, match="changes = 2 leaves no factor that a pair shares: the images have 2"):
        Pairing(torch.tensor([[0, 0], [0, 1]]), 2, CPU)
    with pytest.raises(DataError, match="there are 780 ways to choose 2 of 40 factors"):
        choices(40, 2)


def test_all_choices_of_factors() -> None:
    assert choices(3, 1) == [(0,), (1,), (2,)]
    assert choices(3, 2) == [(0, 1), (0, 2), (1, 2)]


def test_neighbours_differ_in_the_factor_that_was_named() -> None:
    factors = torch.from_numpy(tiny_images()["factors"].values.astype("int64"))
    first, second = neighbours(factors, 2)
    assert first.tolist() == list(range(96))
    differ = factors[first] != factors[second]
    assert differ.sum(0).tolist() == [0, 0, 96, 0]


def test_no_warning_where_nearly_all_have_a_partner() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Pairing(GRID, 1, CPU)
