"""The schedule against the formulas that it is derived from, in float64."""

from __future__ import annotations

import math

import pytest
import torch

from distoolkit.contract import ConfigError
from distoolkit.nn.diffusion.schedule import Schedule, make_betas

# k_train / k_ddim of the authors' schedule at some times
RATIOS = {0: 0.0, 1: 0.499, 2: 0.665, 5: 0.831, 10: 0.907, 20: 0.950, 50: 0.978, 100: 0.988, 500: 0.995, 999: 0.992}


@pytest.fixture(scope="module")
def schedule() -> Schedule:
    return Schedule(make_betas("ldm", 1000))


def test_the_two_shift_coefficients_differ_as_in_the_authors_schedule(schedule: Schedule) -> None:
    assert float(schedule.k_train[0]) == 0
    for t, ratio in RATIOS.items():
        assert float(schedule.k_train[t] / schedule.k_ddim[t]) == pytest.approx(ratio, abs=1e-3)


def test_the_ldm_schedule_is_the_square_of_a_straight_line() -> None:
    betas = make_betas("ldm", 3, 0.01, 0.09).tolist()  # roots 0.1, 0.2, 0.3
    assert betas == pytest.approx([0.01, 0.04, 0.09])
    assert make_betas("linear", 3, 0.01, 0.09).tolist() == pytest.approx([0.01, 0.05, 0.09])


def test_the_cosine_schedule_keeps_what_its_paper_says() -> None:
    kept = (1 - make_betas("cosine", 1000)).cumprod(0)
    for t in (0, 10, 500, 990):
        f = [math.cos(((s / 1000) + 0.008) / 1.008 * math.pi / 2) ** 2 for s in (0, t + 1)]
        assert float(kept[t]) == pytest.approx(f[1] / f[0], rel=1e-6)


def test_shifting_the_noise_by_k_train_moves_the_posterior_mean_by_its_variance_times_the_field() -> None:
    betas = make_betas("ldm", 1000)
    schedule = Schedule(betas)
    alphas = 1 - betas
    kept = alphas.cumprod(0)
    generator = torch.Generator().manual_seed(0)

    def mean(x: torch.Tensor, eps: torch.Tensor, t: int) -> torch.Tensor:  # Ho et al. 2020, equation 11
        return (x - betas[t] / (1 - kept[t]).sqrt() * eps) / alphas[t].sqrt()

    for t in torch.linspace(1, 999, 20).round().int().tolist():
        x, eps, field = torch.randn(3, 5, dtype=torch.float64, generator=generator)
        variance = betas[t] * (1 - kept[t - 1]) / (1 - kept[t])
        shifted = eps + schedule.k_train[t].double() * field
        torch.testing.assert_close(mean(x, shifted, t) - mean(x, eps, t), variance * field, rtol=1e-5, atol=0)


def test_noise_added_is_noise_removed(schedule: Schedule) -> None:
    clean, noise = torch.randn(2, 8, 3, 4, 4, generator=torch.Generator().manual_seed(1))
    t = torch.tensor([0, 1, 5, 50, 200, 400, 600, 899])
    noisy = schedule.add_noise(clean, noise, t)
    by_hand = (
        math.sqrt(float(schedule.alpha_bars[50])) * clean[3] + math.sqrt(1 - float(schedule.alpha_bars[50])) * noise[3]
    )
    torch.testing.assert_close(noisy[3], by_hand)
    torch.testing.assert_close(schedule.clean_from(noisy, noise, t), clean, rtol=1e-4, atol=1e-4)


def test_a_field_changes_the_estimate_as_a_shifted_noise_prediction_does(schedule: Schedule) -> None:
    noisy, eps, field = torch.randn(3, 6, 3, 4, 4, generator=torch.Generator().manual_seed(2))
    t = torch.tensor([0, 3, 100, 500, 800, 999])
    shifted = eps + schedule.shift(field, t, "score")
    two_ways = (
        schedule.clean_from(noisy, eps, t) + schedule.clean_change(field, t),
        schedule.clean_from(noisy, shifted, t),
    )
    torch.testing.assert_close(*two_ways, rtol=1e-5, atol=1e-5)
    assert float(schedule.clean_change(torch.ones(1, 1), torch.tensor([999]))) == pytest.approx(38.6, abs=0.1)


def test_the_exact_field_leads_to_the_exact_picture(schedule: Schedule) -> None:
    clean, noise, wrong = torch.randn(3, 5, 3, 4, 4, generator=torch.Generator().manual_seed(3))
    t = torch.tensor([1, 10, 300, 600, 899])
    noisy = schedule.add_noise(clean, noise, t)
    field = (wrong - noise) / (1 - schedule.alpha_bars[t]).sqrt().reshape(-1, 1, 1, 1)
    found = schedule.clean_from(noisy, wrong, t) + schedule.clean_change(field, t)
    torch.testing.assert_close(found, clean, rtol=1e-4, atol=2e-4)


@pytest.mark.parametrize("betas", [[0.1, 1.0], [0.0, 0.1], [0.1], [[0.1, 0.2]], [0.1, float("nan")], []])
def test_impossible_schedules_are_refused(betas: list[float]) -> None:
    with pytest.raises(ConfigError, match="above 0 and below 1"):
        Schedule(torch.tensor(betas))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_a_converted_model_keeps_the_tables(schedule: Schedule, dtype: torch.dtype) -> None:
    """In bfloat16 abar_0 would be 1: no noise at all."""
    converted = Schedule(make_betas("ldm", 1000)).to(dtype)
    for name, table in schedule.named_buffers():
        assert torch.equal(getattr(converted, name), table)
    assert converted.to("meta", dtype).betas.dtype == torch.float32


def test_unknown_kinds_are_refused(schedule: Schedule) -> None:
    with pytest.raises(ConfigError, match="'ldm' or 'linear' or 'cosine'"):
        make_betas("quadratic", 10)
    with pytest.raises(ConfigError, match="'posterior' or 'score'"):
        schedule.shift(torch.ones(1, 1), torch.tensor([0]), "mean")
