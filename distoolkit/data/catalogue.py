"""The built-in data sets."""

from __future__ import annotations

from distoolkit.contract import DataSource, Paper

BETA_VAE = Paper(
    title="beta-VAE: Learning Basic Visual Concepts with a Constrained Variational Framework",
    authors="Higgins, Matthey, Pal, Burgess, Glorot, Botvinick, Mohamed, Lerchner",
    venue="ICLR",
    year=2017,
    url="https://openreview.net/forum?id=Sy2fzU9gl",
)

FACTOR_VAE = Paper(
    title="Disentangling by Factorising",
    authors="Kim, Mnih",
    venue="ICML",
    year=2018,
    url="https://arxiv.org/abs/1802.05983",
)

DATASETS: tuple[DataSource, ...] = (
    DataSource(
        name="sprites",
        summary="dSprites-like grid, rendered: 3 shapes, scale, orientation, position; 737,280 binary images",
        load="distoolkit.data.sprites:load",
        paper=BETA_VAE,
        embedded=True,
        licence="Apache-2.0 (drawn by distoolkit; the design is dSprites')",
        notes=(
            "Like dSprites, not equal to it: outlines fitted to published frames; hearts differ by up to 8 pixels.",
            "Orientations 0 and 39 are the same picture, as in dSprites.",
            "A square repeats every quarter turn and an ellipse every half turn: their orientation is not recoverable.",
        ),
    ),
    DataSource(
        name="shapes3d",
        summary="3D-Shapes-like grid, ray-cast: floor, wall and object hue, scale, shape, orientation; 480,000 images",
        load="distoolkit.data.shapes3d:load",
        paper=FACTOR_VAE,
        embedded=True,
        licence="Apache-2.0 (drawn by distoolkit; the design is 3D Shapes')",
        notes=(
            "Like 3D Shapes, not equal to it: silhouettes were fitted to a published animation (within 0.75 pixels); "
            "the light is by eye and the textures of walls and floor are missing.",
            "Whether the light of the original turns with the camera has not been checked; here it does.",
        ),
    ),
    DataSource(
        name="digits",
        summary="1,797 handwritten digits of scikit-learn, 8x8 pixels, enlarged to 32 or 64",
        load="distoolkit.data.digits:load",
        embedded=True,
        licence="BSD-3-Clause (scikit-learn); the digits are from the UCI repository, said to be CC BY 4.0",
        notes=("The digit is a class, not a generative factor: scores that need factors see only this one.",),
    ),
    DataSource(
        name="folder",
        summary="your own pictures: all PNG, JPEG, ... files below a folder, brought to one size",
        load="distoolkit.data.folder:load",
        licence="yours",
        notes=("Held in memory as uint8: 12 kB for each 64x64 colour picture.",),
    ),
    DataSource(
        name="array",
        summary="your own images in a .npy or .npz file",
        load="distoolkit.data.array:load",
        licence="yours",
        notes=("A .npy file of uint8 stays on the disk; an .npz file is read into memory.",),
    ),
)
