"""The estimates against integrals: with few images in a data set, q(z) is a mixture that can be summed on a grid."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from distoolkit_beta_tcvae.decomposition import decompose, log_density, log_weights
from torch.distributions import Normal

from distoolkit.nn import kl_standard_normal, reparameterise

MEAN = torch.tensor([[0.5, 0.8], [-1.0, -0.6], [1.2, -0.4], [0.1, 1.5]])  # four images, two latents
LOGVAR = torch.tensor([[-1.0, -0.5], [-0.2, -1.5], [-2.0, 0.0], [-0.7, -1.0]])
NAMES = ("mutual_information", "total_correlation", "dimension_wise_kl")


def by_quadrature(mean: torch.Tensor, logvar: torch.Tensor) -> dict[str, float]:
    """Compute the three parts for a data set of these posteriors in two latents, by sums over a grid."""
    axis = torch.linspace(-9, 9, 901, dtype=torch.float64)
    cell = float(axis[1] - axis[0])
    q = Normal(mean.double(), (logvar.double() / 2).exp())
    density = q.log_prob(axis[:, None, None]).exp()  # (grid, image, latent)
    both = density[:, None, :, 0] * density[None, :, :, 1]  # (grid, grid, image)
    joint = both.mean(2)
    first, second = density.mean(1).unbind(1)
    prior = Normal(0.0, 1.0).log_prob(axis)

    def integral(p: torch.Tensor, log_ratio: torch.Tensor) -> float:
        return float((p * log_ratio).nan_to_num(0.0).sum()) * cell ** p.dim()

    mutual = sum(integral(both[..., n], (both[..., n] / joint).log()) for n in range(len(mean))) / len(mean)
    return {
        "mutual_information": mutual,
        "total_correlation": integral(joint, (joint / (first[:, None] * second[None])).log()),
        "dimension_wise_kl": integral(first, first.log() - prior) + integral(second, second.log() - prior),
    }


def estimates(estimator: str, draws: int = 3000) -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    found = [decompose(reparameterise(MEAN, LOGVAR), MEAN, LOGVAR, len(MEAN), estimator) for _ in range(draws)]
    return {name: torch.stack([getattr(parts, name) for parts in found]) for name in NAMES}


def test_the_quadrature_adds_up_to_the_analytic_kl() -> None:
    kl = kl_standard_normal(MEAN, LOGVAR).sum(1).mean().item()
    assert sum(by_quadrature(MEAN, LOGVAR).values()) == pytest.approx(kl, abs=1e-5)


@pytest.mark.parametrize("estimator", ["weighted", "stratified"])
def test_with_the_whole_data_set_as_batch_the_expectations_are_the_integrals(estimator: str) -> None:
    log_n = math.log(4) if estimator == "weighted" else 0.0  # the known gap of the weighted estimator
    gaps = dict(zip(NAMES, (log_n, log_n, -2 * log_n), strict=True))
    exact, found = by_quadrature(MEAN, LOGVAR), estimates(estimator)
    for name in NAMES:
        error = found[name].std().item() / math.sqrt(len(found[name]))
        assert error < 0.02
        assert found[name].mean().item() == pytest.approx(exact[name] + gaps[name], abs=4 * error), name


@pytest.mark.parametrize("estimator", ["weighted", "stratified"])
def test_the_parts_of_a_draw_add_up_to_its_log_ratio_whatever_the_data_set(estimator: str) -> None:
    torch.manual_seed(1)
    code = reparameterise(MEAN, LOGVAR)
    parts = decompose(code, MEAN, LOGVAR, 1000, estimator)
    ratio = Normal(MEAN, (LOGVAR / 2).exp()).log_prob(code) - Normal(0.0, 1.0).log_prob(code)
    total = parts.mutual_information + parts.total_correlation + parts.dimension_wise_kl
    torch.testing.assert_close(total, ratio.sum(1).mean())


def test_the_parts_add_up_to_the_analytic_kl_in_expectation() -> None:
    total = torch.stack(list(estimates("weighted").values())).sum(0)
    error = total.std().item() / math.sqrt(len(total))
    assert total.mean().item() == pytest.approx(kl_standard_normal(MEAN, LOGVAR).sum(1).mean().item(), abs=4 * error)


def test_the_total_correlation_of_a_factorised_aggregate_is_zero_and_of_a_bound_one_is_not() -> None:
    means = torch.tensor(list(itertools.product([-1.0, 1.0], [-2.0, 0.0, 2.0])))
    logvar = torch.full_like(means, -2.0)  # the same for all: q(z) is the product of its marginals
    torch.manual_seed(0)
    parts = decompose(reparameterise(means, logvar), means, logvar, 6, "stratified")
    assert parts.total_correlation.item() == pytest.approx(0.0, abs=1e-5)
    bound = means[[0, 0, 0, 5, 5, 5]]  # two images, both latents tell them apart: log 2 nats
    tight = torch.full_like(bound, -6.0)
    parts = decompose(reparameterise(bound, tight), bound, tight, 6, "stratified")
    assert parts.total_correlation.item() == pytest.approx(math.log(2), abs=1e-3)


def phi(x: float) -> float:
    return math.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)


def test_a_batch_of_two_by_hand() -> None:
    # one latent, unit variances, means 0 and 2, codes 0 and 1; q(z_i|x_j) = phi(z_i - mean_j); N = 10
    mean, code = torch.tensor([[0.0], [2.0]]), torch.tensor([[0.0], [1.0]])
    own, other = [phi(0), phi(-1)], [phi(-2), phi(1)]
    weighted = [math.log((own[i] + other[i]) / 20) for i in range(2)]
    stratified = [math.log(own[i] / 10 + other[i] * 9 / 10) for i in range(2)]
    prior = [math.log(phi(0)), math.log(phi(1))]
    for estimator, q in (("weighted", weighted), ("stratified", stratified)):
        parts = decompose(code, mean, torch.zeros(2, 1), 10, estimator)
        mutual = sum(math.log(own[i]) - q[i] for i in range(2)) / 2
        assert parts.mutual_information.item() == pytest.approx(mutual, rel=1e-5)
        assert parts.total_correlation.item() == pytest.approx(0.0, abs=1e-6)  # one latent has none
        assert parts.dimension_wise_kl.item() == pytest.approx(sum(q[i] - prior[i] for i in range(2)) / 2, rel=1e-5)


def test_the_size_of_the_data_set_is_in_the_weighted_estimate() -> None:
    one, two = (decompose(MEAN, MEAN, LOGVAR, count, "weighted") for count in (100, 200))
    assert (two.mutual_information - one.mutual_information).item() == pytest.approx(math.log(2), abs=1e-5)
    assert (two.total_correlation - one.total_correlation).item() == pytest.approx(math.log(2), abs=1e-5)
    assert (two.dimension_wise_kl - one.dimension_wise_kl).item() == pytest.approx(-2 * math.log(2), abs=1e-5)


def test_the_stratified_estimate_of_q_is_unbiased_over_all_batches() -> None:
    mean = torch.tensor([-2.0, -1.0, 0.0, 0.5, 3.0], dtype=torch.float64)
    z, owner, count, batch = 0.3, 2, 5, 3
    density = log_density(torch.tensor(z, dtype=torch.float64), mean, torch.zeros(5, dtype=torch.float64)).exp()
    row = log_weights(batch, count, "stratified")[0].double().exp()  # the first of the batch is the owner
    others = [n for n in range(count) if n != owner]
    means = [(row * density[[owner, *rest]]).sum().item() for rest in itertools.combinations(others, batch - 1)]
    assert sum(means) / len(means) == pytest.approx(density.mean().item(), rel=1e-6)
    assert max(means) - min(means) > 0.01  # a single batch does err


def test_the_stratified_weights_are_the_papers_averaged_over_the_order_of_the_batch() -> None:
    count, m = 50, 4  # the paper's M: images beside the one that z was drawn from
    paper = [1 / count] + [1 / m] * (m - 1) + [(count - m) / (count * m)]
    orders = torch.tensor([[paper[0], *rest] for rest in itertools.permutations(paper[1:])])
    torch.testing.assert_close(log_weights(m + 1, count, "stratified")[0].exp(), orders.mean(0))


def test_the_weighted_estimate_of_q_is_a_lower_bound() -> None:
    assert log_weights(8, 100, "weighted").exp().sum(1).max().item() == pytest.approx(1 / 100)


def test_density_by_torch() -> None:
    torch.manual_seed(0)
    z, mean, logvar = torch.randn(3, 5, 2).unbind(0)
    torch.testing.assert_close(log_density(z, mean, logvar), Normal(mean, (logvar / 2).exp()).log_prob(z))


@pytest.mark.parametrize(("batch", "count"), [(1, 10), (11, 10)])
def test_a_batch_that_no_estimate_can_come_from_is_refused(batch: int, count: int) -> None:
    with pytest.raises(ValueError, match=f"a batch of {batch} from {count} images"):
        log_weights(batch, count, "weighted")
