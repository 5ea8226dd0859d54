"""What the settings that are words may be. Free of torch, so that listing the methods stays cheap."""

SCHEDULES = ("ldm", "linear", "cosine")
"""Shapes of beta_t."""

SHIFTS = ("posterior", "score")
"""What a gradient field adds to a noise prediction: by the mean of the reverse step, or by the score."""

NOISE_ERRORS = ("l1", "l2", "snr")
"""Mean absolute error, mean squared error, and PDAE's weighted squared error."""

ENCODERS = ("plain", "group_norm", "code", "paper")
"""Kinds of encoder."""
