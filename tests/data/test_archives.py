"""Archives from strangers: good ones come out whole, bad ones not at all."""

from __future__ import annotations

import io
import stat
import tarfile
import zipfile

import pytest

from distoolkit.contract import DataError
from distoolkit.data.archives import unpack


def tar(path, *members, mode="w:gz"):
    """Write a tar of (name, content or a ready TarInfo)."""
    with tarfile.open(path, mode) as file:
        for name, content in members:
            if isinstance(content, tarfile.TarInfo):
                content.name = name
                file.addfile(content)
            else:
                info = tarfile.TarInfo(name)
                info.size = len(content)
                file.addfile(info, io.BytesIO(content))
    return path


def zipped(path, *members, compression=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", compression) as file:
        for name, content in members:
            file.writestr(name, content)
    return path


def special(kind, target="/etc/passwd"):
    info = tarfile.TarInfo()
    info.type, info.linkname = kind, target
    return info


def out(path, tmp_path, **limits):
    return unpack(path, tmp_path / "out", progress=False, **limits)


def refused(path, tmp_path, match, **limits):
    with pytest.raises(DataError, match=match):
        out(path, tmp_path, **limits)
    assert not (tmp_path / "out").exists()
    assert not list(tmp_path.glob(".out*"))  # nothing half-written either


GOOD = [("data/cars/a.mat", b"one"), ("data/list.txt", b"two" * 1000)]


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_a_good_tar_comes_out_whole(tmp_path, mode):
    folder = out(tar(tmp_path / "a.tar", *GOOD, mode=mode), tmp_path)
    assert {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()} == dict(GOOD)


def test_a_good_zip_comes_out_whole(tmp_path):
    folder = out(zipped(tmp_path / "a.zip", *GOOD, ("empty/", b"")), tmp_path)
    assert {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()} == dict(GOOD)


BAD_NAMES = [
    ("../evil", "climbs out"),
    ("a/../../evil", "climbs out"),
    ("/tmp/evil", "an absolute name"),
    ("C:/evil", "an absolute name"),
    ("..\\evil", "backslash"),
]


@pytest.mark.parametrize(("name", "said"), BAD_NAMES)
def test_names_that_leave_the_folder_are_refused(tmp_path, name, said):
    refused(tar(tmp_path / "a.tar", ("good", b"x"), (name, b"x")), tmp_path, said)
    archive = zipped(tmp_path / "a.zip", ("good", b"x"), ("placeholder-name", b"x"))
    # zipfile cleans names as it writes them, so the bytes are put in by hand
    padded = name.encode().ljust(len("placeholder-name"), b"_")
    archive.write_bytes(archive.read_bytes().replace(b"placeholder-name", padded))
    refused(archive, tmp_path, said)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE])
def test_links_in_a_tar_are_refused(tmp_path, kind):
    refused(tar(tmp_path / "a.tar", ("good", b"x"), ("link", special(kind))), tmp_path, "is a link")
    refused(tar(tmp_path / "a.tar", ("good", b"x"), ("link", special(kind, "good"))), tmp_path, "is a link")


@pytest.mark.parametrize("kind", [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_devices_in_a_tar_are_refused(tmp_path, kind):
    refused(tar(tmp_path / "a.tar", ("dev", special(kind))), tmp_path, "is a special file")


@pytest.mark.parametrize(("mode", "said"), [(stat.S_IFLNK, "a link"), (stat.S_IFCHR, "a special file")])
def test_links_and_devices_in_a_zip_are_refused(tmp_path, mode, said):
    info = zipfile.ZipInfo("link")
    info.external_attr = (mode | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        file.writestr(info, "/etc/passwd")
    refused(tmp_path / "a.zip", tmp_path, said)


def test_the_same_file_twice_is_refused(tmp_path):
    refused(tar(tmp_path / "a.tar", ("a", b"1"), ("./a", b"2")), tmp_path, "twice")


def test_a_file_where_a_folder_should_be_is_refused(tmp_path):
    refused(zipped(tmp_path / "a.zip", ("a", b"1"), ("a/b", b"2")), tmp_path, "cannot be unpacked")


@pytest.mark.parametrize("make", [tar, zipped])
def test_too_many_bytes_or_entries_are_refused(tmp_path, make):
    archive = make(tmp_path / "a", ("a", b"x" * 600), ("b", b"x" * 600))
    refused(archive, tmp_path, "more than 1,000 bytes", limit_bytes=1000)
    refused(archive, tmp_path, "1 entries", limit_members=1)


@pytest.mark.parametrize("make", [tar, zipped])
def test_a_bomb_is_refused_by_its_ratio(tmp_path, make):
    archive = make(tmp_path / "a", ("zeros", b"\0" * 5_000_000))
    assert archive.stat().st_size < 20_000
    refused(archive, tmp_path, "it would unpack to more than", limit_ratio=100)
    assert (out(archive, tmp_path, limit_ratio=5000) / "zeros").stat().st_size == 5_000_000


def test_a_zip_that_lies_about_its_sizes_is_stopped(tmp_path):
    archive = zipped(tmp_path / "a.zip", ("zeros", b"\0" * 3_000_000))
    data = archive.read_bytes()
    archive.write_bytes(data.replace((3_000_000).to_bytes(4, "little"), (1000).to_bytes(4, "little")))
    refused(archive, tmp_path, "cannot be unpacked")


@pytest.mark.parametrize("make", [tar, zipped])
@pytest.mark.parametrize("keep", [0.0, 0.4, 0.9])
def test_a_truncated_archive_is_refused(tmp_path, make, keep):
    import random

    noise = random.Random(0).randbytes(20_000)
    archive = make(tmp_path / "a", ("a", noise), ("b", noise[::-1]))
    data = archive.read_bytes()
    archive.write_bytes(data[: int(keep * len(data))])
    refused(archive, tmp_path, "cannot be unpacked")


def test_a_damaged_archive_is_refused(tmp_path):
    import random

    noise = random.Random(0).randbytes(20_000)
    for make in (tar, zipped):
        archive = make(tmp_path / "a", ("a", noise))
        data = bytearray(archive.read_bytes())
        data[5000:5010] = b"\xff" * 10
        archive.write_bytes(data)
        refused(archive, tmp_path, "cannot be unpacked")


def test_an_older_folder_stays_when_the_new_archive_is_refused(tmp_path):
    folder = out(tar(tmp_path / "a.tar", ("a", b"old")), tmp_path)
    with pytest.raises(DataError):
        out(tar(tmp_path / "b.tar", ("../a", b"new")), tmp_path)
    assert (folder / "a").read_bytes() == b"old"


def test_unpacked_files_cannot_be_run(tmp_path):
    info = tarfile.TarInfo("run.sh")
    info.mode, info.size = 0o4777, 0
    folder = out(tar(tmp_path / "a.tar", ("run.sh", info)), tmp_path)
    assert not (folder / "run.sh").stat().st_mode & stat.S_ISUID
