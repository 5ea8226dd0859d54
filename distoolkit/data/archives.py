"""Unpack tar and zip archives from strangers: nothing leaves the folder, nothing fills the disk.

Python's own filter (``tarfile``, ``filter="data"``) is kept as a second line; here every name, kind and size is
checked before the first byte is written, and the whole archive is refused when one member is bad.
"""

from __future__ import annotations

import gzip
import lzma
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath

from tqdm.auto import tqdm

from distoolkit.contract import DataError
from distoolkit.storage import replacing

LIMIT_BYTES = 64 * 2**30
LIMIT_MEMBERS = 2_000_000
LIMIT_RATIO = 1000
"""An archive may grow to this many times its own size; pictures do not even double."""

# what Python's readers raise on bytes that are no archive, or only half of one
_DAMAGE = (
    zipfile.BadZipFile,
    tarfile.TarError,
    gzip.BadGzipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    NotImplementedError,
    FileExistsError,
    NotADirectoryError,
    IsADirectoryError,
)


@dataclass(frozen=True)
class Member:
    """One entry of an archive: its name, its claimed size, and what it is if it is neither file nor folder."""

    name: str
    size: int
    is_file: bool
    oddity: str = ""


def unpack(
    archive: Path,
    folder: Path,
    *,
    limit_bytes: int = LIMIT_BYTES,
    limit_members: int = LIMIT_MEMBERS,
    limit_ratio: float = LIMIT_RATIO,
    progress: bool = True,
) -> Path:
    """Unpack an archive into a new folder, whole or not at all.

    Parameters
    ----------
    archive
        ``.zip``, ``.tar``, ``.tar.gz``, ``.tar.bz2`` or ``.tar.xz``; told apart by their content.
    folder
        Made; an older one is replaced.
    limit_bytes, limit_members, limit_ratio
        Most bytes and entries that may come out, and how many times the archive's own size.

    Raises
    ------
    DataError
        A name that leaves the folder (``..``, absolute, a drive), a link, a device, too much data, or an archive
        that is damaged. Nothing is left behind.
    """
    limit = min(limit_bytes, int(limit_ratio * archive.stat().st_size))
    with replacing(folder) as temporary:
        temporary.mkdir(parents=True)
        try:
            if zipfile.is_zipfile(archive):
                _unzip(archive, temporary, limit, limit_members, progress)
            else:
                _untar(archive, temporary, limit, limit_members, progress)
        except _DAMAGE as error:
            raise DataError(
                f"{archive} cannot be unpacked ({error}): it is damaged, cut short or no archive; get it again"
            ) from error
    return folder


def _unzip(archive: Path, folder: Path, limit: int, limit_members: int, progress: bool) -> None:
    with zipfile.ZipFile(archive) as file:
        entries = file.infolist()
        _refuse(archive, map(_of_zip, entries), limit, limit_members)
        for entry in tqdm(entries, f"unpacking {archive.name}", unit="file", disable=not progress):
            if not entry.is_dir():
                target = folder / entry.filename
                target.parent.mkdir(parents=True, exist_ok=True)
                # reads no more than the header claims, and fails when there is more
                with file.open(entry) as content, target.open("xb") as out:
                    shutil.copyfileobj(content, out, 2**20)


def _untar(archive: Path, folder: Path, limit: int, limit_members: int, progress: bool) -> None:
    with tarfile.open(archive) as file:
        _refuse(archive, map(_of_tar, file), limit, limit_members)
        for entry in tqdm(file.getmembers(), f"unpacking {archive.name}", unit="file", disable=not progress):
            file.extract(entry, folder, set_attrs=False, filter="data")
        while file.fileobj is not None and file.fileobj.read(2**20):
            pass  # to the very end, where the compressed stream keeps its checksum


def _of_zip(entry: zipfile.ZipInfo) -> Member:
    kind = stat.S_IFMT(entry.external_attr >> 16)
    odd = "" if kind in (0, stat.S_IFREG, stat.S_IFDIR) else "a link" if kind == stat.S_IFLNK else "a special file"
    if entry.flag_bits & 1:
        odd = odd or "encrypted"
    return Member(entry.orig_filename, entry.file_size, not entry.is_dir(), odd)


def _of_tar(entry: tarfile.TarInfo) -> Member:
    odd = "a link" if entry.issym() or entry.islnk() else "" if entry.isfile() or entry.isdir() else "a special file"
    return Member(entry.name, entry.size, entry.isfile(), odd)


def _refuse(archive: Path, members: Iterable[Member], limit: int, limit_members: int) -> None:
    """Check every entry before anything is written. Tar headers are read one by one, so a bomb stops early."""
    total, seen = 0, set()
    for number, member in enumerate(members, start=1):
        fault = member.oddity or name_fault(member.name)
        if fault:
            raise DataError(f"{archive} is refused: its entry {member.name!r} is {fault}")
        path = PurePosixPath(member.name)
        if member.is_file and path in seen:
            raise DataError(f"{archive} is refused: it holds {member.name!r} twice")
        seen.add(path)
        total += member.size
        if total > limit or number > limit_members:
            raise DataError(
                f"{archive} is refused: it would unpack to more than {limit:,} bytes or {limit_members:,} entries"
            )


def name_fault(name: str) -> str:
    """Say why a name must not be written below a folder; empty if it may."""
    if "\x00" in name or "\\" in name:
        return "a name with a NUL or a backslash"
    if PurePosixPath(name).is_absolute() or PureWindowsPath(name).drive or PureWindowsPath(name).is_absolute():
        return "an absolute name"
    if ".." in PurePosixPath(name).parts:
        return "a name that climbs out of its folder"
    return ""
