"""What the settings that are words may be. Free of torch, so that listing the methods stays cheap."""

SCHEDULES = ("ldm", "linear", "cosine")
"""Shapes of beta_t."""

SHIFTS = ("posterior", "score")
"""The two shift coefficients, k_train and k_ddim."""

RECONSTRUCTIONS = ("l1", "l2", "snr")
"""Mean absolute error, mean squared error, and PDAE's weighted squared error."""

WEIGHT_SPACES = ("latent", "image")
"""Where the weight of the disentangling loss measures a change; "Z" and "IM" in the authors' code."""

ENCODERS = ("plain", "group_norm", "code", "paper")
"""Kinds of encoder."""

POSITIONS = ("orthogonal", "learned", "none")
"""How the estimator knows which unit a field is for."""
