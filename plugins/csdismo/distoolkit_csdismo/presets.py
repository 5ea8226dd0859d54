"""Settings at the scale of a paper. None of them has been run here.

Sizes follow LORD's generator (Gabbay and Hoshen 2020) for lack of the paper's own.
"""

from __future__ import annotations

from distoolkit_csdismo import Config

# 200 epochs of N images in batches of 128, and as many steps for the encoders; of 3D Shapes a tenth of the images
# of the 480,000 images of 3D Shapes a tenth
_CARS, _NORB, _SHAPES, _FACES = 17_568, 48_600, 48_000, 202_599


def _full(images: int) -> Config:
    steps = 200 * (images // 128)
    return Config(
        latents=256,
        style=128,
        steps=steps,
        encoder_steps=steps,
        batch_size=128,
        lr=3e-4,
        content_lr=3e-3,
        style_lr=6e-3,
        width=256,
    )


CARS3D, SMALLNORB, SHAPES3D, CELEBA = (_full(images) for images in (_CARS, _NORB, _SHAPES, _FACES))
"""For 64x64 images; not run. ``fit("cs_dismo", images, **distoolkit.config.as_json(CARS3D))``."""
