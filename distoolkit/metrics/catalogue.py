"""The built-in metrics. UDR compares several runs and the Frechet distance takes features: both are functions."""

from __future__ import annotations

from distoolkit.contract import Fidelity, Metric, Paper
from distoolkit.metrics import papers

FACTORS = frozenset({"factors"})
ROWS = "Without a protocol, different rows of the table are used instead of draws with replacement."


def _metric(
    name: str,
    summary: str,
    paper: Paper,
    scores: tuple[str, ...],
    *deviations: str,
    needs: frozenset[str] = FACTORS,
    module: str = "",
    higher_is_better: bool = True,
) -> Metric:
    """Make the record of a metric that was built from code that was read."""
    return Metric(
        name=name,
        summary=summary,
        paper=paper,
        compute=f"distoolkit.metrics.{module or name}:{name}",
        scores=scores,
        needs=needs,
        higher_is_better=higher_is_better,
        fidelity=Fidelity(source="none" if paper is papers.NONE else "code", deviations=deviations),
    )


INFORMATION = (
    _metric(
        "mig",
        "Mutual information gap: is one unit far ahead for each factor?",
        papers.CHEN,
        ("mig",),
        "Follows disentanglement_lib: binned mean codes, where the authors integrate over the posterior.",
        "With one unit the second best counts as 0.",
        ROWS,
    ),
    _metric(
        "mig_sup",
        "The same gap seen from the unit: is one factor far ahead for each unit?",
        papers.LI,
        ("mig_sup",),
        "Each term is divided by its own factor's entropy; other code divides by the unit's.",
        "Units that hardly move are left out of the mean.",
        "Bins of equal width, as for mig.",
    ),
    _metric(
        "jemmig",
        "Mutual information gap that counts what else the best unit knows",
        papers.DO,
        ("jemmig", "jemmig_nats"),
        "Binned mean codes, where the authors draw from the posterior.",
        "Normalised by the factor's entropy plus the logarithm of the number of bins.",
    ),
    _metric(
        "modularity",
        "Modularity: does each unit know one factor only?",
        papers.RIDGEWAY,
        ("modularity",),
        "Follows disentanglement_lib, but units that hardly move are left out unless the protocol asks for them.",
        ROWS,
    ),
    _metric(
        "infomec",
        "InfoM, InfoC, InfoE: modularity, compactness and explicitness by nearest-neighbour information",
        papers.HSU,
        ("infom", "infoc", "infoe"),
        "The variant for continuous codes; quantised codes are treated as continuous.",
        "A unit without information on any factor counts 0 in InfoM, where the authors' code gives NaN.",
        "The noise that breaks ties is drawn from the seed.",
        "Computed on the points that are given; the authors use validation points taken from the training stream.",
    ),
)

PREDICTION = (
    _metric(
        "dci",
        "Disentanglement, completeness and informativeness by boosted trees, fast",
        papers.EASTWOOD,
        ("dci_disentanglement", "dci_completeness", "dci_informativeness"),
        "disentanglement_lib's boosted trees, where the authors' code has lasso and random forests.",
        "Above 4000 points a unit can be cut at 64 places, not between any two values: D and C came out within 0.01 "
        "of scikit-learn's on four imperfect codes of 10,000 points; between 4000 and 6000 points it can be 0.02.",
        "Units that are cut in the same way share their importance equally; scikit-learn picks one at random.",
        "Stages end early when they can no longer change an importance by 0.001.",
        "Constant units are left out, so completeness is measured in base of the units that move.",
        "Informativeness is a test accuracy, as in disentanglement_lib; the paper defines an error.",
    ),
    _metric(
        "dci_gbt",
        "DCI by scikit-learn's gradient boosting, the field's reference: minutes",
        papers.EASTWOOD,
        ("dci_gbt_disentanglement", "dci_gbt_completeness", "dci_gbt_informativeness"),
        "disentanglement_lib's boosted trees, where the authors' code has lasso and random forests.",
        "The classifier's seed is fixed; in disentanglement_lib it depends on numpy's global state.",
        "Constant units are left out, so completeness is measured in base of the units that move.",
        module="dci",
    ),
    _metric(
        "dci_es",
        "DCI with explicitness and size: how large a probe must be to read the factors",
        papers.EXTENDED,
        (
            "dci_es_explicitness",
            "dci_es_size",
            "dci_es_disentanglement",
            "dci_es_completeness",
            "dci_es_informativeness",
        ),
        "Forests only; the authors also use multilayer perceptrons and random Fourier features.",
        "One deep forest is read off at each depth, where the authors grow one for each depth.",
        "The definition of size was not found in the authors' code: number of factors over units that move.",
        "Factors are regressed unless they are categorical.",
    ),
    _metric(
        "sap",
        "Separated attribute predictability, by a linear classifier on each unit",
        papers.KUMAR,
        ("sap",),
        "Follows disentanglement_lib: C = 0.01, balanced classes, unscaled codes.",
        "The primal problem is solved, which has the same solution and is not random.",
        "Constant units are left out; a single unit is compared with guessing.",
    ),
    _metric(
        "sap_regression",
        "Separated attribute predictability, by squared correlation; not comparable with sap",
        papers.KUMAR,
        ("sap_regression",),
        "Follows disentanglement_lib's variant for continuous factors.",
        "Constant units are left out.",
        module="sap",
    ),
    _metric(
        "explicitness",
        "Explicitness: can a linear classifier read the factors off the code?",
        papers.RIDGEWAY,
        ("explicitness",),
        "Follows disentanglement_lib; values of a factor that no test point has are left out.",
    ),
    _metric(
        "mcc",
        "Mean correlation of factors and units after the best assignment, with a rotation floor",
        papers.HYVARINEN,
        ("mcc", "mcc_worst_factor", "mcc_rotation_floor"),
        "Follows later code for identifiability; the rotation floor is an addition.",
        "Categorical factors are left out.",
        module="identifiability",
    ),
    _metric(
        "r2",
        "Share of the factors' variance that a linear regression on the code explains",
        papers.HYVARINEN,
        ("r2", "r2_worst_factor"),
        "Scored on held-out points; common code scores the points that it fitted.",
        "Categorical factors are left out, circular ones are represented by cosine and sine.",
        module="identifiability",
    ),
    _metric(
        "tad",
        "Total AUROC difference, for yes-or-no attributes",
        papers.YEATS,
        ("tad", "tad_captured"),
        "Exact areas by ranks, where the authors sum over 101 thresholds, which comes out slightly larger.",
        "Up to 10,000 images, where the authors use one batch of 1000.",
        "Mean codes; the authors use sampled codes for plain VAEs.",
    ),
)

INTERVENTION = (
    _metric(
        "factor_vae",
        "FactorVAE score: does holding a factor still one unit?",
        papers.KIM,
        ("factor_vae",),
        "Follows disentanglement_lib: 10,000 and 5,000 votes of 64 points; others use 800 of 200.",
        "Without a protocol, votes are drawn from the rows of the table, so a value keeps its frequency there.",
        "Constant units never take part; in disentanglement_lib with threshold 0 one of them wins every vote.",
    ),
    _metric(
        "beta_vae",
        "BetaVAE score: can a linear classifier tell which factor pairs share?",
        papers.HIGGINS,
        ("beta_vae",),
        "Follows disentanglement_lib: 10,000 and 5,000 batches of 64 pairs.",
        "Without a protocol, pairs are drawn from the rows of the table, so a value keeps its frequency there.",
    ),
    _metric(
        "irs",
        "Interventional robustness: how little does a unit move while its factor is held?",
        papers.SUTER,
        ("irs",),
        "Follows disentanglement_lib's quantile of 0.99; the paper's maximum is quantile=1.",
        "Factors are not binned unless the protocol asks for it.",
    ),
)

LABEL_FREE = (
    _metric(
        "reconstruction",
        "Mean squared pixel error of the decoded codes, and its signal-to-noise ratio",
        papers.NONE,
        ("reconstruction_mse", "reconstruction_psnr"),
        needs=frozenset({"reconstruction"}),
        higher_is_better=False,
    ),
    _metric(
        "dependence",
        "Total correlation, Wasserstein correlation and mutual information of the units; no factors needed",
        papers.LOCATELLO,
        (
            "total_correlation",
            "wasserstein_correlation",
            "wasserstein_correlation_normalised",
            "mutual_information_score",
        ),
        "Constant units are left out, where disentanglement_lib's total correlation becomes NaN.",
        "Copies give a large finite total correlation, where disentanglement_lib gives infinity.",
        "The root of the covariance is taken from eigenvalues, which cannot come out complex.",
        needs=frozenset(),
        higher_is_better=False,
    ),
)

METRICS: tuple[Metric, ...] = (*INFORMATION, *PREDICTION, *INTERVENTION, *LABEL_FREE)
