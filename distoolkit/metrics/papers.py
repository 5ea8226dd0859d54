"""Where the built-in metrics come from."""

from __future__ import annotations

from distoolkit.contract import Paper

CHEN = Paper(
    title="Isolating Sources of Disentanglement in Variational Autoencoders",
    authors="Chen, Li, Grosse, Duvenaud",
    venue="NeurIPS",
    year=2018,
    url="https://arxiv.org/abs/1802.04942",
)
LI = Paper(
    title="Progressive Learning and Disentanglement of Hierarchical Representations",
    authors="Li, Murkute, Gyawali, Wang",
    venue="ICLR",
    year=2020,
    url="https://arxiv.org/abs/2002.10549",
)
DO = Paper(
    title="Theory and Evaluation Metrics for Learning Disentangled Representations",
    authors="Do, Tran",
    venue="ICLR",
    year=2020,
    url="https://arxiv.org/abs/1908.09961",
)
EASTWOOD = Paper(
    title="A Framework for the Quantitative Evaluation of Disentangled Representations",
    authors="Eastwood, Williams",
    venue="ICLR",
    year=2018,
    url="https://openreview.net/forum?id=By-7dz-AZ",
)
EXTENDED = Paper(
    title="DCI-ES: An Extended Disentanglement Framework with Connections to Identifiability",
    authors="Eastwood, Nicolicioiu, von Kügelgen, Kekić, Träuble, Dittadi, Schölkopf",
    venue="ICLR",
    year=2023,
    url="https://arxiv.org/abs/2210.00364",
)
KIM = Paper(
    title="Disentangling by Factorising",
    authors="Kim, Mnih",
    venue="ICML",
    year=2018,
    url="https://arxiv.org/abs/1802.05983",
)
HIGGINS = Paper(
    title="beta-VAE: Learning Basic Visual Concepts with a Constrained Variational Framework",
    authors="Higgins, Matthey, Pal, Burgess, Glorot, Botvinick, Mohamed, Lerchner",
    venue="ICLR",
    year=2017,
    url="https://openreview.net/forum?id=Sy2fzU9gl",
)
KUMAR = Paper(
    title="Variational Inference of Disentangled Latent Concepts from Unlabeled Observations",
    authors="Kumar, Sattigeri, Balakrishnan",
    venue="ICLR",
    year=2018,
    url="https://arxiv.org/abs/1711.00848",
)
RIDGEWAY = Paper(
    title="Learning Deep Disentangled Embeddings with the F-Statistic Loss",
    authors="Ridgeway, Mozer",
    venue="NeurIPS",
    year=2018,
    url="https://arxiv.org/abs/1802.05312",
)
SUTER = Paper(
    title="Robustly Disentangled Causal Mechanisms: Validating Deep Representations for Interventional Robustness",
    authors="Suter, Miladinović, Schölkopf, Bauer",
    venue="ICML",
    year=2019,
    url="https://arxiv.org/abs/1811.00007",
)
HSU = Paper(
    title="Disentanglement via Latent Quantization",
    authors="Hsu, Dorrell, Whittington, Wu, Finn",
    venue="NeurIPS",
    year=2023,
    url="https://arxiv.org/abs/2305.18378",
)
YEATS = Paper(
    title="NashAE: Disentangling Representations through Adversarial Covariance Minimization",
    authors="Yeats, Liu, Womble, Li",
    venue="ECCV",
    year=2022,
    url="https://arxiv.org/abs/2209.10677",
)
HYVARINEN = Paper(
    title="Unsupervised Feature Extraction by Time-Contrastive Learning and Nonlinear ICA",
    authors="Hyvärinen, Morioka",
    venue="NeurIPS",
    year=2016,
    url="https://arxiv.org/abs/1605.06336",
)
LOCATELLO = Paper(
    title="Challenging Common Assumptions in the Unsupervised Learning of Disentangled Representations",
    authors="Locatello, Bauer, Lucic, Rätsch, Gelly, Schölkopf, Bachem",
    venue="ICML",
    year=2019,
    url="https://arxiv.org/abs/1811.12359",
)
NONE = Paper(title="Mean squared error and peak signal-to-noise ratio", authors="in general use")
