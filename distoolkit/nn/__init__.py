"""Networks and loss terms that several methods share. A method may use them; none has to."""

from distoolkit.nn.convolution import ACTIVATIONS, Decoder, Encoder
from distoolkit.nn.gaussian import gaussian, kl_standard_normal, reparameterise
from distoolkit.nn.losses import LIKELIHOODS, bernoulli_loss, gaussian_loss, reconstruction_loss
from distoolkit.nn.vae import GaussianVAE

__all__ = [
    "ACTIVATIONS",
    "LIKELIHOODS",
    "Decoder",
    "Encoder",
    "GaussianVAE",
    "bernoulli_loss",
    "gaussian",
    "gaussian_loss",
    "kl_standard_normal",
    "reconstruction_loss",
    "reparameterise",
]
