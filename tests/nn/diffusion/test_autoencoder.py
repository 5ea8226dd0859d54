from __future__ import annotations

import pytest
import torch

from distoolkit.contract import ConfigError, ImageSpec
from distoolkit.nn.diffusion.autoencoder import COMMITMENT, Autoencoder, Pixels

SPEC = ImageSpec(3, 8, 8)


def small(kind: str) -> Autoencoder:
    torch.manual_seed(0)
    return Autoencoder(SPEC, kind, latent_channels=2, width=8, multipliers=(1, 2), blocks=1, codebook=5).eval()


def pictures() -> torch.Tensor:
    return torch.rand(3, 3, 8, 8, generator=torch.Generator().manual_seed(1)) * 2 - 1


def test_pixels_are_their_own_latent_map() -> None:
    picture = pictures()
    assert torch.equal(Pixels().to_picture(Pixels().to_latent(picture)), picture)


@torch.no_grad()
@pytest.mark.parametrize("kind", ["vq", "kl"])
def test_latent_maps_have_their_shape_and_images_lie_in_range(kind: str) -> None:
    model, image = small(kind), (pictures() + 1) / 2
    assert model.latent_shape == (2, 4, 4)
    assert model.to_latent(pictures()).shape == (3, 2, 4, 4)
    code = model.encode(image)
    assert code.shape == (3, sum(unit.size for unit in model.layout))
    drawn = model.decode(code)
    assert drawn.shape == image.shape
    assert 0 <= float(drawn.min()) <= float(drawn.max()) <= 1


@torch.no_grad()
def test_quantising_takes_the_nearest_entry_at_each_place() -> None:
    model = small("vq")
    assert model.codebook is not None
    model.codebook.copy_(torch.randn(5, 2))
    latent = torch.randn(3, 2, 4, 4)
    found = model.quantised(latent)
    for b in range(3):
        for y in range(4):
            for x in range(4):
                distance = (model.codebook - latent[b, :, y, x]).square().sum(1)
                assert torch.equal(found[b, :, y, x], model.codebook[distance.argmin()])
    assert torch.equal(model.quantised(found), found)


def test_the_codebook_follows_the_encoder_and_the_picture_passes_straight_through() -> None:
    model = small("vq")
    found, nearest = model.to_latent(pictures()), model.quantised(model.to_latent(pictures()))
    reading = model.read(pictures())
    distance = (found - nearest).square().mean((1, 2, 3))
    torch.testing.assert_close(reading.bottleneck, (1 + COMMITMENT) * distance)
    torch.testing.assert_close(reading.picture, model.decoder(nearest))
    reading.picture.sum().backward()
    assert model.codebook is not None
    assert model.codebook.grad is None or not model.codebook.grad.any()
    assert all(p.grad is not None and bool(p.grad.any()) for p in model.encoder[0].parameters())


def test_the_kl_bottleneck_by_hand() -> None:
    model = small("kl")
    mean, logvar = model.encoder(pictures()).chunk(2, dim=1)
    expected = 0.5 * (mean**2 + logvar.exp() - 1 - logvar).sum((1, 2, 3))
    torch.testing.assert_close(model.read(pictures()).bottleneck, expected)
    assert torch.equal(model.to_latent(pictures()), mean)


def test_images_that_do_not_halve_are_refused() -> None:
    with pytest.raises(ConfigError, match="does not divide by 4: give fewer ae_multipliers"):
        Autoencoder(ImageSpec(3, 10, 8), multipliers=(1, 1, 1))
