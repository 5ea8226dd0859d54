"""The built-in data sets."""

from __future__ import annotations

from distoolkit.contract import DataSource, Paper
from distoolkit.data import sources

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
CHALLENGING = Paper(
    title="Challenging Common Assumptions in the Unsupervised Learning of Disentangled Representations",
    authors="Locatello, Bauer, Lucic, Rätsch, Gelly, Schölkopf, Bachem",
    venue="ICML",
    year=2019,
    url="https://arxiv.org/abs/1811.12359",
)
_SPRITES = {"shape": 3, "scale": 6, "orientation": 40, "posX": 32, "posY": 32}
_SHAPES3D = {"floor_hue": 10, "wall_hue": 10, "object_hue": 10, "scale": 8, "shape": 4, "orientation": 15}
_SYMMETRY = (
    "Orientations 0 and 39 are the same picture: both ends of the turn are in the set.",
    "A square repeats every quarter turn and an ellipse every half turn: their orientation is not recoverable.",
)
_NUISANCE = (
    "Each image has one addition, fixed by the seed; in the published code it is drawn anew at every look.",
    *_SYMMETRY,
)
_UNTRIED = "Tested on small files in the published layout; the published file itself was not at hand."

RENDERED = (
    DataSource(
        name="sprites",
        summary="dSprites-like grid, rendered: 3 shapes, scale, orientation, position; 737,280 binary images",
        load="distoolkit.data.sprites:load",
        paper=BETA_VAE,
        embedded=True,
        licence="Apache-2.0 (drawn by distoolkit; the design is dSprites')",
        notes=(
            "Like dSprites, not equal to it: outlines fitted to published frames; hearts differ by up to 8 pixels.",
            *_SYMMETRY,
        ),
        factors=_SPRITES,
        memory="65 MB while loading, 35 MB held for the labels of the grid; a batch of 64 takes 6 MB more (measured)",
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
        factors=_SHAPES3D,
        memory="50 MB while loading, 27 MB held for the labels of the grid, 35 MB for the scenes once cast (measured)",
    ),
    DataSource(
        name="colour_sprites",
        summary="sprites in one random colour each (colour-dSprites)",
        load="distoolkit.data.nuisance:load_colour",
        paper=CHALLENGING,
        embedded=True,
        licence="as sprites, or as dSprites with path=",
        notes=_NUISANCE,
        factors=_SPRITES,
        memory="70 MB while loading, 39 MB held for the labels of the grid; a batch of 64 takes 6 MB more (measured)",
    ),
    DataSource(
        name="noisy_sprites",
        summary="sprites under uniform noise (noisy-dSprites)",
        load="distoolkit.data.nuisance:load_noisy",
        paper=CHALLENGING,
        embedded=True,
        licence="as sprites, or as dSprites with path=",
        notes=_NUISANCE,
        factors=_SPRITES,
        memory="70 MB while loading, 39 MB held for the labels of the grid; a batch of 64 takes 6 MB more (measured)",
    ),
    DataSource(
        name="picture_sprites",
        summary="sprites as a negative in front of a part of any picture (scream-dSprites)",
        load="distoolkit.data.nuisance:load_picture",
        paper=CHALLENGING,
        embedded=True,
        licence="as sprites; the default picture, china.jpg of scikit-learn, is CC BY",
        notes=("The published variant takes The Scream by Munch: give it with picture=.", *_NUISANCE),
        factors=_SPRITES,
        memory="70 MB while loading, 39 MB held for the labels of the grid; a batch of 64 takes 6 MB more (measured)",
    ),
    DataSource(
        name="continuous_sprites",
        summary="anti-aliased sprites whose factors are real numbers drawn from a distribution",
        load="distoolkit.data.continuous:load",
        embedded=True,
        licence="Apache-2.0",
        notes=("factors holds each value's bin, of 20; the values themselves are in factor_values.",),
        factors={"scale": 20, "orientation": 20, "posX": 20, "posY": 20},
        memory="1 MB held for 10,000 images; 140 MB while they are drawn, whatever their number (measured)",
    ),
    DataSource(
        name="isometric",
        summary="image manifolds isometric to their factors: moving blobs and a disc",
        load="distoolkit.data.isometric:load",
        embedded=True,
        licence="Apache-2.0",
        notes=(
            "factors holds each value's bin, of 20; the values themselves are in factor_values.",
            "The disc has an edge: it is isometric on average over a pixel, not at every point.",
        ),
        memory="below 1 MB held for 3,000 images; 13 MB while they are drawn (measured)",
    ),
    DataSource(
        name="digits",
        summary="1,797 handwritten digits of scikit-learn, 8x8 pixels, enlarged to 32 or 64",
        load="distoolkit.data.digits:load",
        embedded=True,
        licence="BSD-3-Clause (scikit-learn); the digits are from the UCI repository, said to be CC BY 4.0",
        notes=("The digit is a class, not a generative factor: scores that need factors see only this one.",),
        factors={"digit": 10},
        memory="16 MB while loading at 64 pixels, 7 MB held (measured)",
    ),
)

YOURS = (
    DataSource(
        name="folder",
        summary="your own pictures: all PNG, JPEG, ... files below a folder, brought to one size",
        load="distoolkit.data.folder:load",
        licence="yours",
        notes=("Held in memory as uint8; distoolkit.data.materialise moves it to a memory-mapped file.",),
        memory="12 kB for each 64x64 colour picture (derived)",
    ),
    DataSource(
        name="array",
        summary="your own images in a .npy or .npz file",
        load="distoolkit.data.array:load",
        licence="yours",
        notes=("A .npy file of uint8 stays on the disk; an .npz file is read into memory.",),
        memory="none for .npy of uint8; the size of the array for .npz (derived)",
    ),
)

PUBLISHED = (
    DataSource(
        name="dsprites",
        summary="the published dSprites: 3 shapes, scale, orientation, position; 737,280 binary images",
        load="distoolkit.data.dsprites:load",
        paper=BETA_VAE,
        licence="Apache-2.0; rendered with the LÖVE engine (zlib licence)",
        notes=("The pickled metadata in the npz file is never opened.", *_SYMMETRY, _UNTRIED),
        factors=_SPRITES,
        url="https://github.com/google-deepmind/dsprites-dataset",
        files=(sources.DSPRITES_HDF5, sources.DSPRITES_NPZ),
        memory="120 MB while it is packed to 378 MB on the disk, then as sprites (derived)",
    ),
    DataSource(
        name="shapes3d_file",
        summary="the published 3D Shapes: hues, scale, shape, orientation; 480,000 images",
        load="distoolkit.data.shapes3d_file:load",
        paper=FACTOR_VAE,
        licence="Apache-2.0",
        notes=(
            "The set's own description gives wrong ranges for hues and scale; the labels in the file count.",
            _UNTRIED,
        ),
        factors=_SHAPES3D,
        url="https://github.com/google-deepmind/3d-shapes",
        files=(sources.SHAPES3D,),
        memory="100 MB while it is rewritten to 5.9 GB on the disk, then 60 MB for the labels (derived)",
    ),
    DataSource(
        name="mpi3d",
        summary="MPI3D toy, realistic, real, real_complex: a robot arm holding an object; 1,036,800 images",
        load="distoolkit.data.mpi3d:load",
        paper=Paper(
            title="On the Transfer of Inductive Bias from Simulation to the Real World: a New Disentanglement Dataset",
            authors="Gondal, Wüthrich, Miladinović, Locatello, Breidt, Volchkov, Akpo, Bachem, Schölkopf, Bauer",
            venue="NeurIPS",
            year=2019,
            url="https://arxiv.org/abs/1906.03292",
        ),
        licence="CC BY 4.0",
        notes=(
            "disentanglement_lib reads an older toy and realistic file with four colours and four shapes (460,800 "
            "images): most published MPI3D-toy scores are of that one. Both are read; the number of images tells.",
            "real_complex has four colours and four shapes, 460,800 images.",
            "real_complex lies on Google Drive and has to be fetched by hand.",
            "Checksums are of the files' old address; whether the new one has the same files was not checked.",
            _UNTRIED,
        ),
        factors={
            "object_color": 6,
            "object_shape": 6,
            "object_size": 2,
            "camera_height": 3,
            "background_color": 3,
            "horizontal_axis": 40,
            "vertical_axis": 40,
        },
        url="https://github.com/rr-learning/disentanglement_dataset",
        files=tuple(sources.MPI3D.values()),
        memory="150 MB while it is rewritten to 12.7 GB on the disk, then 140 MB for the labels (derived)",
    ),
    DataSource(
        name="cars3d",
        summary="Cars3D: 183 car models, 24 azimuths, 4 elevations; 17,568 images",
        load="distoolkit.data.cars3d:load",
        paper=Paper(title="Deep Visual Analogy-Making", authors="Reed, Zhang, Zhang, Lee", venue="NeurIPS", year=2015),
        licence="none stated",
        notes=(
            "Cars are numbered by sorted file name; disentanglement_lib numbers them as the disk lists them.",
            "Resized with LANCZOS; other code uses other filters, and pixels differ.",
            _UNTRIED,
        ),
        factors={"elevation": 4, "azimuth": 24, "object": 183},
        files=(sources.CARS3D,),
        memory="20 MB while it is rewritten to 216 MB on the disk at 64 pixels (derived)",
    ),
    DataSource(
        name="smallnorb",
        summary="SmallNORB: 50 toys from all sides under 6 lights; 48,600 grey images",
        load="distoolkit.data.smallnorb:load",
        paper=Paper(
            title="Learning Methods for Generic Object Recognition with Invariance to Pose and Lighting",
            authors="LeCun, Huang, Bottou",
            venue="CVPR",
            year=2004,
        ),
        licence="free for research, as is said",
        notes=(
            "The usual protocol leaves the factor instance out of the scores.",
            "disentanglement_lib reads the bytes as signed; here they are unsigned, as the format says.",
            _UNTRIED,
        ),
        factors={"category": 5, "instance": 10, "elevation": 9, "azimuth": 18, "lighting": 6},
        url="https://cs.nyu.edu/~ylclab/data/norb-v1.0-small/",
        files=tuple(sources.SMALLNORB.values()),
        memory="0.9 GB while it is rewritten to 199 MB on the disk at 64 pixels (derived)",
    ),
    DataSource(
        name="celeba",
        summary="CelebA: 202,599 aligned faces with 40 binary attributes",
        load="distoolkit.data.celeba:load",
        paper=Paper(
            title="Deep Learning Face Attributes in the Wild", authors="Liu, Luo, Wang, Tang", venue="ICCV", year=2015
        ),
        licence="non-commercial research only, as is said",
        notes=(
            "Attributes are labels by people, not generative factors, and they are correlated.",
            "Crops differ between papers: state which one you use (option crop).",
            "Which checksum belongs to which text file was inferred from the sizes.",
            _UNTRIED,
        ),
        url="https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html",
        files=(sources.CELEBA_IMAGES, sources.CELEBA_ATTRIBUTES),
        memory="150 MB for the attributes; 2.5 GB on the disk at 64 pixels (derived)",
    ),
    DataSource(
        name="falcor3d",
        summary="Falcor3D at 128 pixels: a living room under changing light and camera; 233,280 images",
        load="distoolkit.data.nvidia:load_falcor3d",
        licence="CC BY 4.0",
        notes=("Google Drive only: fetch the 128-pixel archive by hand.", "No checksum is published.", _UNTRIED),
        factors={
            "lighting_intensity": 5,
            "lighting_x_dir": 6,
            "lighting_y_dir": 6,
            "lighting_z_dir": 6,
            "camera_x_pos": 6,
            "camera_y_pos": 6,
            "camera_z_pos": 6,
        },
        files=(sources.FALCOR3D,),
        memory="60 MB; 2.9 GB on the disk at 64 pixels (derived)",
    ),
    DataSource(
        name="isaac3d",
        summary="Isaac3D at 128 pixels: a robot arm in a kitchen; 737,280 images",
        load="distoolkit.data.nvidia:load_isaac3d",
        licence="CC BY 4.0",
        notes=(
            "The index formula in the set's description does not fit its sizes: the label file is used instead.",
            "Google Drive only: fetch the 128-pixel archive by hand.",
            "No checksum is published.",
            _UNTRIED,
        ),
        factors={
            "object_shape": 3,
            "object_scale": 4,
            "camera_height": 4,
            "robot_x": 8,
            "robot_y": 5,
            "lighting_intensity": 4,
            "lighting_y_dir": 6,
            "object_color": 4,
            "wall_color": 4,
        },
        files=(sources.ISAAC3D,),
        memory="250 MB; 9.1 GB on the disk at 64 pixels (derived)",
    ),
    DataSource(
        name="fashion_mnist",
        summary="Fashion-MNIST: 70,000 grey pictures of 10 kinds of clothes",
        load="distoolkit.data.idx:load_fashion_mnist",
        paper=Paper(
            title="Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning Algorithms",
            authors="Xiao, Rasul, Vollgraf",
            venue="arXiv",
            year=2017,
            url="https://arxiv.org/abs/1708.07747",
        ),
        licence="MIT",
        notes=(
            "The kind is a class, not a generative factor.",
            "The Debian package dataset-fashion-mnist is used where it is installed.",
            "The download addresses are from memory.",
            _UNTRIED,
        ),
        factors={"clothing": 10},
        url="https://github.com/zalandoresearch/fashion-mnist",
        files=tuple(sources.FASHION_MNIST.values()),
        memory="170 MB at 32 pixels, 350 MB at 64 (derived)",
    ),
    DataSource(
        name="mnist",
        summary="MNIST: 70,000 grey handwritten digits",
        load="distoolkit.data.idx:load_mnist",
        paper=Paper(
            title="Gradient-based learning applied to document recognition",
            authors="LeCun, Bottou, Bengio, Haffner",
            venue="Proceedings of the IEEE",
            year=1998,
        ),
        licence="CC BY-SA 3.0, as is said",
        notes=("The digit is a class, not a generative factor.", "The download address is from memory.", _UNTRIED),
        factors={"digit": 10},
        files=tuple(sources.MNIST.values()),
        memory="170 MB at 32 pixels, 350 MB at 64 (derived)",
    ),
)

DATASETS: tuple[DataSource, ...] = (*RENDERED, *YOURS, *PUBLISHED)
