"""The files of the published data sets: names, addresses, sizes and checksums.

Checksums are those that other projects publish for the same files; an empty one means that none is known. No
address could be tried where this was written.
"""

from __future__ import annotations

from distoolkit.contract import DataFile

DSPRITES_NPZ = DataFile(
    name="dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz",
    urls=(
        "https://github.com/google-deepmind/dsprites-dataset/raw/master/dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz",
    ),
)
DSPRITES_HDF5 = DataFile(
    name="dsprites_ndarray_co1sh3sc6or40x32y32_64x64.hdf5",
    urls=(
        "https://github.com/google-deepmind/dsprites-dataset/raw/master/dsprites_ndarray_co1sh3sc6or40x32y32_64x64.hdf5",
        "https://github.com/deepmind/dsprites-dataset/raw/master/dsprites_ndarray_co1sh3sc6or40x32y32_64x64.hdf5",
    ),
    size=28_024_106,
    checksum="sha256:729fa22e884c9c500e1f17415d580746b4c5894fbbb780a1319bbcfa39a745bb",
)
SHAPES3D = DataFile(
    name="3dshapes.h5",
    urls=("https://storage.googleapis.com/3d-shapes/3dshapes.h5",),
    size=267_573_662,
    checksum="sha256:0a0f6ed98baff276a50f3a081a7434d788da63cb135a98189b2a5b5769be1785",
)
_MPI3D_NEW = "https://huggingface.co/datasets/waleedgondal/mpi3d/resolve/main/"
_MPI3D_OLD = "https://storage.googleapis.com/disentanglement_dataset/Final_Dataset/"
MPI3D = {
    "toy": DataFile(
        name="mpi3d_toy.npz",
        urls=(_MPI3D_NEW + "mpi3d_toy.npz", _MPI3D_OLD + "mpi3d_toy.npz"),
        checksum="md5:55889cb7c7dfc655d6e0277beee88868",
    ),
    "realistic": DataFile(
        name="mpi3d_realistic.npz",
        urls=(_MPI3D_NEW + "mpi3d_realistic.npz", _MPI3D_OLD + "mpi3d_realistic.npz"),
        checksum="md5:59a6225b88b635365f70c91b3e52f70f",
    ),
    "real": DataFile(
        name="mpi3d_real.npz",
        urls=(_MPI3D_NEW + "mpi3d_real.npz", _MPI3D_OLD + "mpi3d_real.npz"),
        checksum="md5:0f33f609918fb5c97996692f91129802",
    ),
    "real_complex": DataFile(name="real3d_complicated_shapes_ordered.npz"),
}
CARS3D = DataFile(
    name="nips2015-analogy-data.tar.gz",
    urls=("http://www.scottreed.info/files/nips2015-analogy-data.tar.gz",),
    checksum="md5:4e866a7919c1beedf53964e6f7a23686",
)
_NORB = "https://cs.nyu.edu/~ylclab/data/norb-v1.0-small/"
_NORB_TRAIN, _NORB_TEST = (
    "smallnorb-5x46789x9x18x6x2x96x96-training-{}.mat.gz",
    "smallnorb-5x01235x9x18x6x2x96x96-testing-{}.mat.gz",
)


def _norb(pattern: str, part: str, md5: str) -> DataFile:
    name = pattern.format(part)
    return DataFile(name=name, urls=(_NORB + name,), checksum=f"md5:{md5}")


SMALLNORB = {
    ("train", "dat"): _norb(_NORB_TRAIN, "dat", "66054832f9accfe74a0f4c36a75bc0a2"),
    ("train", "cat"): _norb(_NORB_TRAIN, "cat", "23c8b86101fbf0904a000b43d3ed2fd9"),
    ("train", "info"): _norb(_NORB_TRAIN, "info", "51dee1210a742582ff607dfd94e332e3"),
    ("test", "dat"): _norb(_NORB_TEST, "dat", "e4ad715691ed5a3a5f138751a4ceb071"),
    ("test", "cat"): _norb(_NORB_TEST, "cat", "5aa791cd7e6016cf957ce9bdb93b8603"),
    ("test", "info"): _norb(_NORB_TEST, "info", "a9454f3864d7fd4bb3ea7fc3eb84924e"),
}
CELEBA_IMAGES = DataFile(
    name="img_align_celeba.zip",
    size=1_443_490_838,
    checksum="sha256:46fb89443c578308acf364d7d379fe1b9efb793042c0af734b6112e4fd3a8c74",
)
# which of the published checksums belongs to which text file was inferred from the sizes
CELEBA_ATTRIBUTES = DataFile(
    name="list_attr_celeba.txt",
    size=26_721_026,
    checksum="sha256:f0e5da289d5ccf75ffe8811132694922b60f2af59256ed362afa03fefba324d0",
)
FALCOR3D = DataFile(name="Falcor3D_down128")
ISAAC3D = DataFile(name="Isaac3D_down128")


_IDX = {
    ("train", "images"): "train-images-idx3-ubyte.gz",
    ("train", "labels"): "train-labels-idx1-ubyte.gz",
    ("test", "images"): "t10k-images-idx3-ubyte.gz",
    ("test", "labels"): "t10k-labels-idx1-ubyte.gz",
}


def _idx(*bases: str) -> dict[tuple[str, str], DataFile]:
    return {key: DataFile(name=name, urls=tuple(b + name for b in bases)) for key, name in _IDX.items()}


FASHION_MNIST = _idx(
    "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
)
MNIST = _idx("https://ossci-datasets.s3.amazonaws.com/mnist/")
