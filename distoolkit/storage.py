"""Writing so that a kill, a full disk or a bad input never costs what was there before.

Everything is written beside its target under a temporary name and moved into place when it is whole.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import json
import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distoolkit.contract import DistoolkitError, RunError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

if TYPE_CHECKING:
    import torch


@contextlib.contextmanager
def replacing(target: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary path to write to; on success it takes the place of ``target``, file or folder.

    A file changes places atomically. A folder needs two renames; a kill between them leaves the old folder
    aside, and `recover` puts it back.

    Raises
    ------
    DistoolkitError
        When the disk is full or the place cannot be written; ``target`` is as it was.
    """
    target = Path(target)
    temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        _flush(temporary)
        if temporary.is_dir() and target.exists():
            _remove(_aside(target))  # a kill may have come before its removal
            target.rename(_aside(target))
        os.replace(temporary, target)
    except OSError as error:
        recover(target)
        raise DistoolkitError(_what_failed(target, error)) from error
    finally:
        _remove(temporary)
    _remove(_aside(target))


def recover(target: str | os.PathLike[str]) -> Path:
    """Put back a folder that a kill caught between its two renames; return ``target`` as a path."""
    target = Path(target)
    if not target.exists() and _aside(target).exists():
        _aside(target).rename(target)
    return target


def write_json(target: str | os.PathLike[str], value: Any) -> None:
    """Write a value as indented JSON, atomically. NaN is refused: it is not JSON."""
    text = json.dumps(value, indent=2, sort_keys=True, allow_nan=False) + "\n"
    with replacing(target) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_tensors(target: str | os.PathLike[str], tensors: dict[str, torch.Tensor], record: Any = None) -> None:
    """Write named tensors, from whatever device, and a JSON-able record as one safetensors file, atomically.

    Raises
    ------
    DistoolkitError
        When the disk is full or the place cannot be written; ``target`` is as it was.
    """
    from safetensors.torch import save

    # copies: safetensors refuses tensors that share memory, as tied weights do
    copies = {name: tensor.detach().to("cpu", copy=True).contiguous() for name, tensor in tensors.items()}
    content = save(copies, {"record": json.dumps(record, allow_nan=False)})
    with replacing(target) as temporary:
        temporary.write_bytes(content)  # not by save_file: it leaves files of its own behind when it is killed


def read_tensors(path: str | os.PathLike[str]) -> tuple[dict[str, torch.Tensor], Any]:
    """Read what `write_tensors` wrote: the tensors, on the CPU, and the record.

    Raises
    ------
    DistoolkitError
        The file is not there, or is no whole safetensors file.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
            return tensors, json.loads((file.metadata() or {}).get("record", "null"))
    except (OSError, ValueError, SafetensorError) as error:
        raise DistoolkitError(f"{path} cannot be read as a whole safetensors file ({error})") from error


def claim(folder: str | os.PathLike[str]) -> Callable[[], None]:
    """Claim a folder for one writer, and return the function that lets go of it. It ends with the process, too.

    Where the system has no such locks (Windows, some network disks) nothing is claimed.

    Raises
    ------
    RunError
        Somebody else has it.
    """
    if fcntl is None:
        return lambda: None
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(handle)
        raise RunError(
            f"{folder} is being written by another process or session: stop that one first, or wait for it"
        ) from error
    except OSError:  # a disk without locks
        pass
    return functools.partial(os.close, handle)


def _aside(target: Path) -> Path:
    return target.with_name(f".{target.name}.old")


def _flush(path: Path) -> None:
    """Force a file to the disk: a rename must not overtake the data. Folders flush their files."""
    for file in path.rglob("*") if path.is_dir() else (path,):
        if file.is_file():
            with file.open("rb") as handle:
                os.fsync(handle.fileno())


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):  # the first error is the one to tell
            path.unlink()


def _what_failed(target: Path, error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return (
            f"no space left while saving {target}; what was there before is untouched. Free some space and save again"
        )
    return f"cannot save {target}: {error}; what was there before is untouched"
