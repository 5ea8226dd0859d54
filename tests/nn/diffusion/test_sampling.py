"""The samplers on a distribution whose noise prediction is known exactly: a Gaussian of standard deviation S."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from distoolkit.contract import ConfigError, DataError, DistoolkitError
from distoolkit.nn.diffusion.sampling import ddim, ddim_invert, ddim_walk, ddpm, sampling_times
from distoolkit.nn.diffusion.schedule import Schedule, make_betas

S = 0.5


@pytest.fixture(scope="module")
def schedule() -> Schedule:
    return Schedule(make_betas("ldm", 1000))


def exact(schedule: Schedule):
    def predict(x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        kept = schedule.alpha_bars[t].reshape(-1, 1)
        return (1 - kept).sqrt() * x / (kept * S**2 + 1 - kept)

    return predict


def test_times_run_from_first_to_last(schedule: Schedule) -> None:
    assert sampling_times(schedule, 5) == [0, 250, 500, 749, 999]
    assert sampling_times(schedule, 1) == [999]
    short = Schedule(make_betas("ldm", 3))
    assert sampling_times(short, 3) == [0, 1, 2]
    for steps in (0, 4):
        with pytest.raises(ConfigError, match="give 1 to 3"):
            sampling_times(short, steps)


def test_a_walk_begins_where_something_of_the_picture_is_kept() -> None:
    cosine = Schedule(make_betas("cosine", 1000))
    last = sampling_times(cosine, 10)[-1]
    assert last == 992
    assert cosine.alpha_bars[last] >= 1e-4 > cosine.alpha_bars[last + 1]
    assert Schedule(torch.tensor([0.99999, 0.5])).walked == 1


@pytest.mark.parametrize(
    "kind", [("ldm", 0.0015, 0.0155), ("ldm", 0.0015, 0.0195), ("linear", 0.0015, 0.0195), ("linear", 0.0001, 0.02)]
)
def test_a_schedule_that_ends_in_short_steps_is_walked_from_its_end(kind: tuple[str, float, float]) -> None:
    """Also that of Ho et al. (2020), the last, which keeps 4e-5 at its end."""
    name, start, end = kind
    assert sampling_times(Schedule(make_betas(name, 1000, start, end)), 20)[-1] == 999


def test_a_small_error_of_the_prediction_stays_small_under_a_cosine_schedule() -> None:
    """Begun at T-1, where abar is 2e-9, an error of 0.001 would come out as one of about 20."""
    cosine = Schedule(make_betas("cosine", 1000))
    start = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
    predict = exact(cosine)
    found, off = (ddim(p, cosine, start, 20) for p in (predict, lambda x, t: predict(x, t) + 0.001))
    assert float((found - off).abs().max()) < 0.1
    found, off = (
        ddpm(p, cosine, start, generator=torch.Generator().manual_seed(1))
        for p in (predict, lambda x, t: predict(x, t) + 0.001)
    )
    assert float((found - off).abs().max()) < 0.1
    clean = S * start
    back = ddim(predict, cosine, ddim_invert(predict, cosine, clean, 50, corrections=30), 50)
    torch.testing.assert_close(back, clean, rtol=0, atol=0.01)


def test_ddim_turns_noise_into_the_data(schedule: Schedule) -> None:
    """The flow of a Gaussian is linear: x_0 = S x_T / sqrt(abar_T S^2 + 1 - abar_T)."""
    start = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
    last = float(schedule.alpha_bars[-1])
    found = ddim(exact(schedule), schedule, start, 1000)
    torch.testing.assert_close(found, S * start / (last * S**2 + 1 - last) ** 0.5, rtol=0.02, atol=0)
    assert torch.equal(found, ddim(exact(schedule), schedule, start, 1000))


def test_ddim_by_hand_in_two_steps() -> None:
    schedule = Schedule(torch.tensor([0.1, 0.5]))  # abar: 0.9, 0.45
    found = ddim(lambda x, t: torch.full_like(x, 0.25), schedule, torch.ones(1, 1), 2)
    clean = (1 - 0.55**0.5 * 0.25) / 0.45**0.5
    middle = 0.9**0.5 * clean + 0.1**0.5 * 0.25
    assert float(found) == pytest.approx((middle - 0.1**0.5 * 0.25) / 0.9**0.5, rel=1e-6)


@pytest.mark.parametrize("steps", [10, 50])
def test_inversion_comes_back_to_the_picture(schedule: Schedule, steps: int) -> None:
    clean = S * torch.randn(4, 3, generator=torch.Generator().manual_seed(1))
    error = []
    for corrections in (0, 1, 30):
        noise = ddim_invert(exact(schedule), schedule, clean, steps, corrections=corrections)
        error.append(float((ddim(exact(schedule), schedule, noise, steps) - clean).abs().max()))
    assert error[0] > error[1] > error[2]
    assert error[2] < 1e-4


@pytest.mark.parametrize("sampler", ["ddim", "ddpm"])
def test_samplers_with_noise_draw_from_the_data(schedule: Schedule, sampler: str) -> None:
    generator = torch.Generator().manual_seed(2)
    start = torch.randn(20_000, 1, generator=generator)
    if sampler == "ddim":
        found = ddim(exact(schedule), schedule, start, 500, eta=1.0, generator=generator)
    else:
        found = ddpm(exact(schedule), schedule, start, generator=generator)
    assert float(found.mean()) == pytest.approx(0, abs=0.02)
    assert float(found.std()) == pytest.approx(S, rel=0.03)


def test_walks_that_share_a_generator_share_their_noise(schedule: Schedule) -> None:
    start = torch.zeros(2, 3)
    a, b, c = (
        ddim(exact(schedule), schedule, start, 10, eta=1.0, generator=torch.Generator().manual_seed(seed))
        for seed in (0, 0, 1)
    )
    assert torch.equal(a, b)
    assert not torch.equal(a, c)


def test_a_walk_shows_each_step(schedule: Schedule) -> None:
    steps = list(ddim_walk(exact(schedule), schedule, torch.ones(2, 3), 7))
    assert len(steps) == 7
    assert torch.equal(steps[-1][0], ddim(exact(schedule), schedule, torch.ones(2, 3), 7))
    torch.testing.assert_close(*steps[-1])  # at the end the walk is at its own estimate


def test_a_clipped_walk_stays_within_the_range_of_pictures() -> None:
    """By hand: the estimate 2 is cut to 1, and the noise is what that estimate implies."""
    schedule = Schedule(torch.tensor([0.1, 0.5]))  # abar: 0.9, 0.45
    a = 0.45
    start = torch.full((1, 1), 2 * a**0.5)
    found = list(ddim_walk(lambda x, t: torch.zeros_like(x), schedule, start, 2, clip=True))
    assert float(found[0][1]) == 1
    implied = (2 * a**0.5 - a**0.5) / (1 - a) ** 0.5
    assert float(found[0][0]) == pytest.approx(0.9**0.5 + 0.1**0.5 * implied, rel=1e-6)
    assert float(found[1][0]) == 1
    assert float(ddim(lambda x, t: torch.zeros_like(x), schedule, start, 2)) == pytest.approx(2)
    many, generator = start.expand(20_000, 1), torch.Generator().manual_seed(0)
    drawn = ddpm(lambda x, t: torch.zeros_like(x), schedule, many, clip=True, generator=generator)
    assert float(drawn.max()) == pytest.approx(1)
    mean = (0.9**0.5 * 0.5 + 0.5**0.5 * 0.1 * 2 * a**0.5) / 0.55  # of the posterior, with the estimate cut to 1
    above = torch.distributions.Normal(mean, (0.5 * 0.1 / 0.55) ** 0.5).cdf(torch.tensor(0.9**0.5))
    assert float((drawn > 0.999).float().mean()) == pytest.approx(1 - float(above), abs=0.01)


def test_nan_is_reported_with_what_to_do(schedule: Schedule) -> None:
    def spoilt(x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        noise = torch.zeros_like(x)
        noise[1] = float("nan")
        return noise

    for sample in (ddim, ddim_invert):
        with pytest.raises(DistoolkitError, match=r"1 of 3 samples.*smaller lr"):
            sample(spoilt, schedule, torch.ones(3, 2), 4)
    with pytest.raises(DistoolkitError, match="1 of 3 samples"):
        ddpm(spoilt, Schedule(torch.tensor([0.1, 0.5])), torch.ones(3, 2))


@pytest.mark.parametrize("walk", [ddim, ddim_invert, ddpm])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_no_network_is_blamed_for_what_a_walk_is_given(schedule: Schedule, walk: Any, value: float) -> None:
    given = torch.zeros(3, 2)
    given[1, 0] = value
    with pytest.raises(DataError, match=r"the x_[T0] given holds NaN or infinity in 1 of 3 samples"):
        walk(exact(schedule), schedule, given)


def test_a_bar_shows_the_progress(schedule: Schedule, capsys: pytest.CaptureFixture[str]) -> None:
    ddim(exact(schedule), schedule, torch.ones(1, 1), 3, progress=True)
    assert "sampling" in capsys.readouterr().err
    ddim(exact(schedule), schedule, torch.ones(1, 1), 3)
    assert capsys.readouterr().err == ""
