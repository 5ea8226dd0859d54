from __future__ import annotations

import pytest
import torch
from distoolkit_qlae.model import QLAE, straight_through
from distoolkit_qlae.training import decayed, distances

from distoolkit.contract import ImageSpec

CODE = torch.tensor([[0.4, -0.1], [2.0, 0.6]])
BOOK = torch.tensor([[0.0, 0.5, 3.0], [-1.0, 0.0, 1.0]])
INDEX = [[1, 1], [2, 2]]
NEAREST = torch.tensor([[0.5, 0.0], [3.0, 1.0]])


@pytest.fixture
def model() -> QLAE:
    torch.manual_seed(0)
    made = QLAE(ImageSpec(1, 16, 16), 2, 3, width=4, activation="elu")
    made.codebook.data.copy_(BOOK)
    return made


def test_the_codebook_begins_evenly_spaced_and_each_latent_has_its_own() -> None:
    made = QLAE(ImageSpec(1, 16, 16), 3, 5, width=4, activation="elu")
    torch.testing.assert_close(made.codebook.data, torch.tensor([[-0.5, -0.25, 0.0, 0.25, 0.5]] * 3))
    made.codebook.data[0, 0] = 7.0
    assert made.codebook.data[1, 0].item() == -0.5


def test_each_entry_goes_to_the_nearest_value_of_its_own_latent(model: QLAE) -> None:
    assert model.index(CODE).tolist() == INDEX
    torch.testing.assert_close(model.nearest(CODE), NEAREST)
    torch.testing.assert_close(model.nearest(NEAREST), NEAREST)


def test_losses_by_hand(model: QLAE) -> None:
    # distances 0.1, 0.1, 1.0 and 0.4
    quantisation, commitment = distances(CODE, model.nearest(CODE))
    assert quantisation.item() == pytest.approx((0.01 + 0.01 + 1.0 + 0.16) / 4)
    assert commitment.item() == pytest.approx(quantisation.item())


def test_quantisation_moves_the_codebook_alone_and_commitment_the_code_alone(model: QLAE) -> None:
    code = CODE.clone().requires_grad_()
    quantisation, _ = distances(code, model.nearest(code))
    quantisation.backward()
    # d/dv of (v - code)^2 / 4, zero for the values that nobody took
    by_hand = torch.tensor([[0.0, 2 * 0.1 / 4, 2 * 1.0 / 4], [0.0, 2 * 0.1 / 4, 2 * 0.4 / 4]])
    torch.testing.assert_close(model.codebook.grad, by_hand)
    assert code.grad is None

    model.codebook.grad = None
    _, commitment = distances(code, model.nearest(code))
    commitment.backward()
    torch.testing.assert_close(code.grad, (CODE - NEAREST) * 2 / 4)
    assert model.codebook.grad is None


def test_a_value_that_two_entries_took_is_pulled_by_both(model: QLAE) -> None:
    quantisation, _ = distances(
        torch.tensor([[0.4, 5.0], [0.7, 5.0]]), model.nearest(torch.tensor([[0.4, 5.0], [0.7, 5.0]]))
    )
    quantisation.backward()
    assert model.codebook.grad is not None
    assert model.codebook.grad[0, 1].item() == pytest.approx(2 * (0.1 - 0.2) / 4, abs=1e-6)


def test_the_gradient_passes_straight_through(model: QLAE) -> None:
    code = CODE.clone().requires_grad_()
    through = straight_through(code, model.nearest(code))
    torch.testing.assert_close(through.detach(), NEAREST)
    weight = torch.tensor([[1.0, -2.0], [3.0, 4.0]])
    (through.square() * weight).sum().backward()
    torch.testing.assert_close(code.grad, 2 * NEAREST * weight)  # at the quantised value, to the code
    assert model.codebook.grad is None


def test_codes_between_two_values_are_drawn_as_the_nearest(model: QLAE) -> None:
    torch.testing.assert_close(model.decode(CODE), torch.sigmoid(model.decoder(NEAREST)))
    model.quantise = False
    torch.testing.assert_close(model.decode(CODE), torch.sigmoid(model.decoder(CODE)))


def test_weights_decay_biases_and_codebook_do_not(model: QLAE) -> None:
    first, second = decayed(model, 0.3)
    assert (first["weight_decay"], second["weight_decay"]) == (0.3, 0.0)
    assert all(p.dim() > 1 for p in first["params"])
    assert any(p is model.codebook for p in second["params"])
    assert sum(p.dim() == 1 for p in second["params"]) == len(second["params"]) - 1
    assert len(first["params"]) + len(second["params"]) == len(list(model.parameters()))
