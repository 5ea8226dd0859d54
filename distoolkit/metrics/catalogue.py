"""The built-in metrics."""

from __future__ import annotations

from distoolkit.contract import Fidelity, Metric, Paper

FACTORS = frozenset({"factors"})
CHEN = Paper(
    title="Isolating Sources of Disentanglement in Variational Autoencoders",
    authors="Chen, Li, Grosse, Duvenaud",
    venue="NeurIPS",
    year=2018,
    url="https://arxiv.org/abs/1802.04942",
)
EASTWOOD = Paper(
    title="A Framework for the Quantitative Evaluation of Disentangled Representations",
    authors="Eastwood, Williams",
    venue="ICLR",
    year=2018,
    url="https://openreview.net/forum?id=By-7dz-AZ",
)
KIM = Paper(
    title="Disentangling by Factorising",
    authors="Kim, Mnih",
    venue="ICML",
    year=2018,
    url="https://arxiv.org/abs/1802.05983",
)

METRICS: tuple[Metric, ...] = (
    Metric(
        name="mig",
        summary="Mutual information gap: is one unit far ahead for each factor?",
        paper=CHEN,
        compute="distoolkit.metrics.mig:mig",
        scores=("mig",),
        needs=FACTORS,
        fidelity=Fidelity(
            source="code",
            deviations=(
                "Follows disentanglement_lib: binned mean codes, where the paper uses the posterior.",
                "With one unit the second best counts as 0.",
                "Without a protocol, different rows of the table are used instead of draws with replacement.",
            ),
        ),
    ),
    Metric(
        name="dci",
        summary="Disentanglement, completeness and informativeness by boosted trees, fast",
        paper=EASTWOOD,
        compute="distoolkit.metrics.dci:dci",
        scores=("dci_disentanglement", "dci_completeness", "dci_informativeness"),
        needs=FACTORS,
        fidelity=Fidelity(
            source="code",
            deviations=(
                "disentanglement_lib's boosted trees, where the paper uses lasso and random forests.",
                "Above 1000 points a unit can be cut at 100 places, not between any two values.",
                "Units that are cut in the same way share their importance equally; scikit-learn picks one at random.",
                "Constant units are left out, so completeness is measured in base of the units that move.",
                "Informativeness is a test accuracy, as in disentanglement_lib; the paper gives an error.",
            ),
        ),
    ),
    Metric(
        name="factor_vae",
        summary="FactorVAE score: does holding a factor still one unit?",
        paper=KIM,
        compute="distoolkit.metrics.factor_vae:factor_vae",
        scores=("factor_vae",),
        needs=FACTORS,
        fidelity=Fidelity(
            source="code",
            deviations=(
                "Follows disentanglement_lib: 10,000 and 5,000 votes of 64 points, where the paper has 800 of 200.",
                "Without a protocol, votes are drawn from the rows of the table, so a value keeps its frequency there.",
                "Constant units never take part; in disentanglement_lib with threshold 0 one of them wins every vote.",
            ),
        ),
    ),
    Metric(
        name="reconstruction",
        summary="Mean squared pixel error of the decoded codes, and its signal-to-noise ratio",
        paper=Paper(title="Mean squared error", authors=""),
        compute="distoolkit.metrics.reconstruction:reconstruction",
        scores=("reconstruction_mse", "reconstruction_psnr"),
        needs=frozenset({"reconstruction"}),
        higher_is_better=False,
        fidelity=Fidelity(source="none"),
    ),
)
