"""What the settings that are words may be. Free of torch, so that listing the methods stays cheap."""

WEIGHT_SPACES = ("latent", "image")
"""Where the weight of the disentangling loss measures a change; "Z" and "IM" in the authors' code."""

POSITIONS = ("orthogonal", "learned", "none")
"""How the estimator knows which unit a field is for."""

SAMPLERS = ("ddim", "ddpm")
"""How the diffusion model walks from noise to new pictures."""
