from __future__ import annotations

import torch

from distoolkit.contract import Decodes, Encodes, HasPosterior, ImageSpec
from distoolkit.nn import GaussianVAE


def test_it_has_all_three_capabilities_and_they_agree() -> None:
    torch.manual_seed(0)
    model = GaussianVAE(ImageSpec(3, 16, 16), 5, width=4)
    assert isinstance(model, Encodes)
    assert isinstance(model, Decodes)
    assert isinstance(model, HasPosterior)
    image = torch.rand(2, 3, 16, 16)
    mean, logvar = model.moments(image)
    assert mean.shape == logvar.shape == (2, 5)
    torch.testing.assert_close(model.encode(image), mean)
    q = model.posterior(image)
    torch.testing.assert_close(q.mean, mean)
    torch.testing.assert_close(q.variance, logvar.exp())
    drawn = model.decode(mean)
    torch.testing.assert_close(drawn, model.logits(mean).sigmoid())
    assert drawn.shape == image.shape
