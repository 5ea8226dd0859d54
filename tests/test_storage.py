from __future__ import annotations

import errno
import os
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr

from distoolkit import schema
from distoolkit.contract import DistoolkitError, RunError
from distoolkit.storage import claim, read_tensors, recover, replacing, write_json, write_tensors


def content(folder: Path) -> dict[str, str]:
    return {str(p.relative_to(folder)): p.read_text() for p in sorted(folder.rglob("*")) if p.is_file()}


def write_folder(path: Path, text: str) -> None:
    path.mkdir()
    (path / "inner").mkdir()
    (path / "inner" / "file").write_text(text)


def killed(work: Callable[[], None]) -> None:
    """Do work in a forked process that has to end by SIGKILL."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
        finally:
            os._exit(1)
    assert os.WTERMSIG(os.waitpid(pid, 0)[1]) == signal.SIGKILL


def die(*args: Any, **kwargs: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    target = tmp_path / "made" / "on" / "the" / "way" / "file"
    for text in ("old", "new"):
        with replacing(target) as temporary:
            assert temporary.parent == target.parent, "a rename must not cross disks"
            temporary.write_text(text)
        assert content(target.parent) == {"file": text}


def test_a_folder_is_replaced_whole(tmp_path: Path) -> None:
    for text in ("old", "new"):
        with replacing(tmp_path / "folder") as temporary:
            write_folder(temporary, text)
        assert content(tmp_path) == {"folder/inner/file": text}


def test_an_error_while_writing_leaves_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("old")

    def write() -> None:
        with replacing(tmp_path / "file") as temporary:
            temporary.write_text("half")
            raise KeyError("by the writer")

    with pytest.raises(KeyError, match="by the writer"):
        write()
    assert content(tmp_path) == {"file": "old"}


def test_a_kill_while_writing_leaves_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("old")

    def write() -> None:
        with replacing(tmp_path / "file") as temporary:
            temporary.write_text("half")
            die()

    killed(write)
    assert (tmp_path / "file").read_text() == "old"


@pytest.mark.parametrize("moment", ["before the old is moved", "between the two renames", "before the old is removed"])
def test_a_kill_while_folders_change_places_leaves_one_of_them(
    moment: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_folder(tmp_path / "folder", "old")
    target, name = {
        "before the old is moved": (Path, "rename"),
        "between the two renames": (os, "replace"),
        "before the old is removed": (shutil, "rmtree"),
    }[moment]
    monkeypatch.setattr(target, name, die)

    def write() -> None:
        with replacing(tmp_path / "folder") as temporary:
            write_folder(temporary, "new")

    killed(write)
    monkeypatch.undo()
    found = content(recover(tmp_path / "folder"))
    assert found == {"inner/file": "new" if moment == "before the old is removed" else "old"}
    write_again = {"inner/file": "newer"}
    with replacing(tmp_path / "folder") as temporary:
        write_folder(temporary, "newer")
    assert content(tmp_path / "folder") == write_again
    assert not (tmp_path / ".folder.old").exists()


def test_a_zarr_folder_that_a_kill_caught_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = schema.as_latents(np.zeros((4, 2)))
    path = schema.save(old, tmp_path / "latents.zarr")
    real = os.replace
    monkeypatch.setattr(os, "replace", lambda a, b: die() if Path(b) == path else real(a, b))  # zarr uses it too
    killed(lambda: print(schema.save(schema.as_latents(np.ones((4, 2))), path)))
    monkeypatch.undo()
    assert not path.exists()
    assert schema.open(path)["code"].equals(old["code"])


def test_a_folder_that_cannot_change_places_is_put_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_folder(tmp_path / "folder", "old")

    def busy(*args: Any) -> None:
        raise OSError(errno.EBUSY, "Device or resource busy")

    monkeypatch.setattr(os, "replace", busy)

    def write() -> None:
        with replacing(tmp_path / "folder") as temporary:
            write_folder(temporary, "new")

    with pytest.raises(DistoolkitError, match="busy; what was there before is untouched"):
        write()
    assert content(tmp_path) == {"folder/inner/file": "old"}


def test_nothing_is_recovered_where_nothing_was(tmp_path: Path) -> None:
    assert recover(tmp_path / "nothing") == tmp_path / "nothing"
    assert not (tmp_path / "nothing").exists()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("at", ["write", "fsync"])
def test_a_full_disk_is_named(number: int, at: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: Any, **kwargs: Any) -> None:
        raise OSError(number, os.strerror(number))

    write_json(tmp_path / "value.json", 1)
    monkeypatch.setattr(*((Path, "write_text") if at == "write" else (os, "fsync")), full)
    with pytest.raises(DistoolkitError, match=r"no space left while saving .*value.json; what was there before"):
        write_json(tmp_path / "value.json", 2)
    assert content(tmp_path) == {"value.json": "1\n"}


def test_another_error_of_the_system_is_passed_on_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DistoolkitError, match=r"cannot save .*value.json: .*what was there before is untouched"):
        write_json(tmp_path / "file" / "value.json", 1)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a disk of 64 KiB, where the tests may."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(place)]
    try:
        allowed = subprocess.run(mount, capture_output=True, timeout=20).returncode == 0
    except OSError:
        allowed = False
    if not allowed:
        pytest.skip("this user cannot mount a disk")
    yield place
    subprocess.run(["umount", str(place)], check=True, timeout=20)


def test_a_disk_that_is_really_full(small_disk: Path) -> None:
    write_tensors(small_disk / "t.safetensors", {"x": torch.zeros(1000)}, "first")
    with pytest.raises(DistoolkitError, match="no space left while saving"):
        write_tensors(small_disk / "t.safetensors", {"x": torch.zeros(30_000)}, "second")
    assert read_tensors(small_disk / "t.safetensors")[1] == "first"
    assert [p.name for p in small_disk.iterdir()] == ["t.safetensors"]


def test_netcdf_on_a_disk_that_is_really_full(small_disk: Path) -> None:
    small = schema.as_latents(np.zeros((4, 2)))
    schema.save(small, small_disk / "latents.nc")
    with pytest.raises(DistoolkitError, match="no space left while saving"):
        schema.save(schema.as_latents(np.random.default_rng(0).normal(size=(10_000, 2))), small_disk / "latents.nc")
    assert xr.load_dataset(small_disk / "latents.nc", engine="h5netcdf")["code"].equals(small["code"])


def test_json_is_plain_and_refuses_nan(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"b": [1, None], "a": "x"})
    assert (tmp_path / "a.json").read_text() == '{\n  "a": "x",\n  "b": [\n    1,\n    null\n  ]\n}\n'
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "a.json", float("nan"))


def test_tensors_come_back_as_they_were(tmp_path: Path) -> None:
    shared = torch.arange(6.0).reshape(2, 3)
    image = torch.rand(1, 3, 4, 5).contiguous(memory_format=torch.channels_last)
    tensors = {
        "shared/a": shared,
        "shared/b": shared,
        "view": shared.T,
        "image": image,
        "half": torch.ones(2, dtype=torch.bfloat16),
        "number": torch.tensor(7),
        "empty": torch.empty(0, 3),
        "grad": torch.ones(2, requires_grad=True),
    }
    write_tensors(tmp_path / "t.safetensors", tensors, {"step": 3, "names": ["ä"]})
    found, record = read_tensors(tmp_path / "t.safetensors")
    assert record == {"step": 3, "names": ["ä"]}
    assert found.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert torch.equal(found[name], tensor), name
        assert found[name].dtype == tensor.dtype
    mode = stat.S_IMODE((tmp_path / "t.safetensors").stat().st_mode)
    (tmp_path / "other").touch()
    assert mode == stat.S_IMODE((tmp_path / "other").stat().st_mode), "colleagues may read what the umask lets them"


@pytest.mark.parametrize("damage", [b"", b"x" * 40, None])
def test_a_damaged_file_of_tensors_is_refused(damage: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "t.safetensors"
    if damage is not None:
        path.write_bytes(damage)
    with pytest.raises(DistoolkitError, match=r"t.safetensors cannot be read as a whole safetensors file"):
        read_tensors(path)


def test_a_folder_has_one_writer(tmp_path: Path) -> None:
    release = claim(tmp_path)
    with pytest.raises(RunError, match="is being written by another process or session"):
        claim(tmp_path)
    release()
    claim(tmp_path)()


def test_a_claim_ends_with_its_process(tmp_path: Path) -> None:
    code = "import sys; from distoolkit.storage import claim; claim(sys.argv[1]); print('on', flush=True); input()"
    command = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"on\n"
        with pytest.raises(RunError):
            claim(tmp_path)
        other.kill()
        other.wait(20)
    claim(tmp_path)()
