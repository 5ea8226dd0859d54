"""Get the files of published data sets: from where they lie, or from the network, checked and resumable.

Files are kept in the cache folder: ``$DISTOOLKIT_DATA``, or ``distoolkit`` in the user's cache folder.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pooch
import requests
from tqdm.auto import tqdm

from distoolkit.contract import DataError, DataFile

BLOCK = 2**16  # bytes; what is lost at most when a connection breaks
TIMEOUT = (10, 60)  # seconds to connect; seconds of silence


def cache_folder() -> Path:
    """Return where files are kept: ``$DISTOOLKIT_DATA``, or the user's cache folder."""
    return Path(os.environ.get("DISTOOLKIT_DATA") or pooch.os_cache("distoolkit")).expanduser()


def obtain(file: DataFile, licence: str, *, progress: bool = True) -> Path:
    """Return a published file from the cache folder; download it first if it is not there.

    A download that stops half-way goes on from there the next time. A file that was put into the cache folder by
    hand is checked like a downloaded one, once.

    Parameters
    ----------
    licence
        Shown before anything is downloaded.

    Raises
    ------
    DataError
        No mirror can be reached, or the file is not what it should be; the message says which file to put where.
    """
    target = cache_folder() / file.name
    if target.is_file():
        return _checked(file, target)
    failures = []
    if file.urls:
        print(f"{file.name}{_size(file)}: downloading to {target.parent}. Licence: {licence}", file=sys.stderr)
    for url in file.urls:
        try:
            pooch.get_logger().setLevel(logging.WARNING)
            part = target.with_name(target.name + ".part")
            get = resuming(part, progress=progress)
            pooch.retrieve(url, file.checksum or None, target.name, target.parent, downloader=get)
            _mark(target)
            return target
        except (requests.RequestException, OSError) as error:  # this mirror failed: try the next
            failures.append(f"{url}: {error}")
        except ValueError as error:  # pooch: the checksum differs
            failures.append(f"{url}: {error}")
    raise DataError(_by_hand(file, target, failures))


def resuming(part: Path, *, progress: bool = True) -> Callable[[str, str, Any], None]:
    """Make a pooch downloader that keeps what it has got in ``part`` and goes on from there the next time.

    The server is asked for the rest only if the file has not changed since (``If-Range``); a server that cannot
    send parts sends it whole.
    """

    def download(url: str, output_file: str, _: Any) -> None:
        part.parent.mkdir(parents=True, exist_ok=True)
        note = part.with_name(part.name + ".json")
        have = part.stat().st_size if part.exists() else 0
        headers = _range(url, note, have)
        with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as answer:
            answer.raise_for_status()
            if answer.status_code != 206:
                have = 0  # sent whole
            elif not answer.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
                raise OSError(f"the server sent {answer.headers.get('Content-Range')!r}, not bytes from {have}")
            validator = answer.headers.get("ETag") or answer.headers.get("Last-Modified") or ""
            note.write_text(json.dumps({"url": url, "validator": validator}), encoding="utf-8")
            total = have + int(answer.headers.get("Content-Length", 0)) or None
            _receive(answer, part, have, total, progress)
        got = part.stat().st_size
        if total is not None and got != total:
            raise OSError(f"the connection closed after {got} of {total} bytes")
        os.replace(part, output_file)
        note.unlink()

    return download


def _receive(answer: requests.Response, part: Path, have: int, total: int | None, progress: bool) -> None:
    with (
        part.open("r+b" if have else "wb") as out,
        tqdm(total=total, initial=have, desc=part.stem, unit="B", unit_scale=True, disable=not progress) as bar,
    ):
        out.seek(have)
        for block in answer.iter_content(BLOCK):
            out.write(block)
            bar.update(len(block))


def _range(url: str, note: Path, have: int) -> dict[str, str]:
    """Return the headers that ask for the rest of a file, if the server can tell whether it is still the same."""
    headers = {"Accept-Encoding": "identity"}  # else the length is that of something else
    try:
        known = json.loads(note.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return headers
    if have and known.get("url") == url and known.get("validator"):
        headers |= {"Range": f"bytes={have}-", "If-Range": known["validator"]}
    return headers


def _checked(file: DataFile, target: Path) -> Path:
    """Check a cached file by its checksum, or by its size where there is none; a second time only if it changed."""
    mark = _mark_of(target)
    if mark.is_file() and mark.read_text(encoding="utf-8") == _state(target):
        return target
    size = target.stat().st_size
    if file.checksum and not pooch.hashes.hash_matches(target, file.checksum):
        found = pooch.file_hash(str(target), alg=file.checksum.split(":")[0])
        raise DataError(
            f"{target} is not the published {file.name}: its checksum is {found}, expected {file.checksum} "
            f"({size} bytes{_size(file, ', expected')}). Delete it and load again"
        )
    if not file.checksum and file.size and size != file.size:
        raise DataError(f"{target} has {size} bytes, expected {file.size}: delete it and load again")
    _mark(target)
    return target


def _mark_of(target: Path) -> Path:
    return target.with_name(f".{target.name}.checked")


def _mark(target: Path) -> None:
    _mark_of(target).write_text(_state(target), encoding="utf-8")


def _state(target: Path) -> str:
    return f"{target.stat().st_size} {target.stat().st_mtime_ns}"


def _size(file: DataFile, before: str = ",") -> str:
    return f"{before} {file.size} bytes" if file.size else ""


def _by_hand(file: DataFile, target: Path, failures: list[str]) -> str:
    checksum = f", checksum {file.checksum}" if file.checksum else ", no checksum is known"
    tried = f" Tried: {'; '.join(failures)}." if failures else " It has no address that can be downloaded by a program."
    part = target.with_name(target.name + ".part")
    if part.is_file():
        tried += f" {part.stat().st_size} bytes of it have arrived: load again to go on from there."
    return (
        f"{file.name} is not here and could not be downloaded.{tried} Get {file.name}{_size(file)}{checksum} and put "
        f"it into {target.parent}, or give its place with path="
    )
