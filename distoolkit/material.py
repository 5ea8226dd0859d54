"""What there is to show about a run: its Datasets by kind, and for each one that is missing, why."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt
import xarray as xr

from distoolkit import registry, schema
from distoolkit.contract import DataError, DistoolkitError, SchemaError
from distoolkit.runs import Run, open_run

if TYPE_CHECKING:
    from distoolkit.encoding import Codec

Source: TypeAlias = Run | str | os.PathLike[str] | Mapping[str, xr.Dataset]

_MOST_ENCODED = 5000


@dataclass(frozen=True)
class Material:
    """What there is to show about one run, or about Datasets that come from no run.

    Attributes
    ----------
    name
        How the run is called among those that are shown together.
    data
        The Datasets by kind: ``latents``, ``images``, ``scores``, ``traversal``, ``history``. Where there are both,
        images and latents are row by row the same samples.
    missing
        For each kind that is not there: why, and what to do.
    run
        The run, if there is one.
    """

    name: str
    data: dict[str, xr.Dataset]
    missing: dict[str, str] = field(default_factory=dict)
    run: Run | None = None

    @cached_property
    def codec(self) -> Codec | None:
        """The fitted model, loaded once; None without a run or weights, or if it cannot draw."""
        from distoolkit.encoding import Codec

        if self.run is None:
            return None
        try:
            codec = Codec(self.run, "cpu")
        except DistoolkitError:
            return None
        return codec if codec.decodes else None

    def reconstructions(self, positions: Sequence[int]) -> npt.NDArray[np.uint8] | None:
        """Decode the codes of these samples: uint8 (sample, y, x, channel); None if the model cannot."""
        if self.codec is None or "latents" not in self.data:
            return None
        pixels: npt.NDArray[np.uint8] = self.codec.decode(self.data["latents"]["code"].values[list(positions)])
        return pixels

    @property
    def record(self) -> dict[str, Any]:
        """Everything that is known about where this comes from."""
        if self.run is not None:
            return {**self.run.provenance, "status": self.run.status, "folder": self.run.folder.name}
        first = self.data.get("latents", next(iter(self.data.values())))
        return {n.removesuffix("_json"): schema.attribute(first, n.removesuffix("_json")) for n in first.attrs}


def gather(
    sources: Source | Sequence[Source],
    images: xr.Dataset | None = None,
    latents: xr.Dataset | Sequence[xr.Dataset] | None = None,
    scores: xr.Dataset | Sequence[xr.Dataset] | None = None,
) -> list[Material]:
    """Collect what there is to show about runs.

    What was saved in a run's folder is taken from there. The images are those given, else those that the run was
    fitted on, loaded again by name. Codes and a traversal that were not saved are made from them; scores are not,
    since they may take long.

    Parameters
    ----------
    sources
        A run, its folder, or a mapping from kinds to Datasets that come from no run; or several of these.
    images
        For all of them, in place of those that they were fitted on.
    latents, scores
        One for each source, in place of those saved.

    Raises
    ------
    DataError
        No source, another number of latents or scores than of sources, or latents of other images than those given.
    RunError, SchemaError
        A folder that is no run; a Dataset of the wrong kind.
    """
    several = [sources] if isinstance(sources, Run | str | os.PathLike | Mapping) else list(sources)
    if not several:
        raise DataError("nothing to show: give a run, its folder, or a mapping from kinds to Datasets")
    own_latents, own_scores = _each("latents", latents, len(several)), _each("scores", scores, len(several))
    found = []
    for source, codes, points in zip(several, own_latents, own_scores, strict=True):
        given = {k: d for k, d in (("images", images), ("latents", codes), ("scores", points)) if d is not None}
        for kind, dataset in given.items():
            schema.check(dataset, kind)
        found.append(_of_datasets(source, given) if isinstance(source, Mapping) else _of_run(source, given))
    return _named_apart(found)


def _each(kind: str, given: xr.Dataset | Sequence[xr.Dataset] | None, count: int) -> list[xr.Dataset | None]:
    if given is None:
        return [None] * count
    listed = [given] if isinstance(given, xr.Dataset) else list(given)
    if len(listed) != count:
        raise DataError(f"{len(listed)} {kind} for {count} runs: give one Dataset of {kind} for each run")
    return list(listed)


def _of_datasets(source: Mapping[str, xr.Dataset], given: dict[str, xr.Dataset]) -> Material:
    data = {**source, **given}
    for kind, dataset in data.items():
        schema.check(dataset, kind)
    if not data:
        raise DataError("nothing to show: the mapping from kinds to Datasets is empty")
    _check_rows(data)
    first = data.get("latents", next(iter(data.values())))
    names = (schema.attribute(first, name) for name in ("method", "run", "data"))
    missing = {kind: "it was not given" for kind in _KINDS if kind not in data}
    return Material(str(next(filter(None, names), "codes")), data, missing)


_KINDS = ("latents", "images", "scores", "traversal", "history")


def _of_run(source: Run | str | os.PathLike[str], given: dict[str, xr.Dataset]) -> Material:
    run = source if isinstance(source, Run) else open_run(source)
    data, missing = dict(given), {}
    for kind in ("latents", "scores", "traversal", "history"):
        if kind not in data and run.has(kind):
            try:
                data[kind] = run.open(kind)
            except SchemaError as error:
                missing[kind] = str(error)
    if "images" not in data:
        try:
            data["images"] = _fitted_on(run)
        except DistoolkitError as error:
            missing["images"] = str(error)
    _make_latents(run, data, missing, given)
    _check_rows(data)
    if "traversal" not in data and "latents" in data:
        _try(missing, "traversal", lambda: _traverse(run, data))
    if "scores" not in data:
        missing.setdefault("scores", "none were saved: run.save(distoolkit.evaluate(latents)) keeps them with the run")
    for kind in _KINDS:
        if kind not in data:
            missing.setdefault(kind, "it was not saved in the run's folder")
    return Material(f"{run.method.name}, seed {run.seed}", data, missing, run)


def _fitted_on(run: Run) -> xr.Dataset:
    """Load again, by name and options, the images that a run was fitted on."""
    from distoolkit.data import load

    name, options = run.record["data"], run.record.get("data_options") or {}
    if name not in registry.datasets():
        raise DataError(f"the run was fitted on {name!r}, which is no installed data set: give images=")
    images = load(name, **options)
    if run.record["data_hash"] and images.attrs.get("data_hash") != run.record["data_hash"]:
        raise DataError(f"{name!r} is no longer what the run was fitted on (another data hash): give images=")
    return images


def _make_latents(run: Run, data: dict[str, xr.Dataset], missing: dict[str, str], given: dict[str, xr.Dataset]) -> None:
    """Encode the images where there are no codes of them; many are thinned out first, codes and images alike."""
    if "images" not in data or "latents" in given:
        return
    if "latents" in data and _same_samples(data["images"], data["latents"]):
        return
    if "latents" in data and "images" not in given:
        # the codes that were saved are of other images, which are not at hand
        del data["images"]
        missing["images"] = "the codes saved with the run are of other images than it was fitted on: give images="
        return
    count = data["images"].sizes["sample"]
    if count > _MOST_ENCODED:
        chosen = np.sort(np.random.default_rng(0).choice(count, _MOST_ENCODED, replace=False))
        data["images"] = data["images"].isel(sample=chosen)
    data.pop("latents", None)
    _try(missing, "latents", lambda: data.update(latents=_encode(run, data["images"])))


def _encode(run: Run, images: xr.Dataset) -> xr.Dataset:
    from distoolkit.encoding import encode

    return encode(run, images)


def _traverse(run: Run, data: dict[str, xr.Dataset]) -> None:
    from distoolkit.encoding import traverse

    data["traversal"] = traverse(run, data["latents"])


def _try(missing: dict[str, str], kind: str, make: Any) -> None:
    try:
        make()
    except DistoolkitError as error:  # a run without weights, a model that cannot draw: the rest is shown
        missing[kind] = str(error)


def _same_samples(images: xr.Dataset, latents: xr.Dataset) -> bool:
    """Tell whether codes are row by row those of these images, as far as can be seen.

    Codes from `as_latents` do not know their images: there, the number of samples has to do.
    """
    if images.sizes["sample"] != latents.sizes["sample"]:
        return False
    hashes = [str(d.attrs.get("data_hash", "")) for d in (images, latents)]
    if not all(hashes):
        return True
    if "sample" in images.coords and "sample" in latents.coords:
        return hashes[0] == hashes[1] and np.array_equal(images["sample"].values, latents["sample"].values)
    return hashes[0] == hashes[1]


def _check_rows(data: dict[str, xr.Dataset]) -> None:
    if "images" in data and "latents" in data and not _same_samples(data["images"], data["latents"]):
        raise DataError(
            f"the latents ({data['latents'].sizes['sample']} samples) are not those of the images "
            f"({data['images'].sizes['sample']}), row by row: encode these images"
        )


def _named_apart(found: list[Material]) -> list[Material]:
    """Give materials of one name the name of their run's folder, or a number, as well."""
    names = [m.name for m in found]
    if len(set(names)) == len(names):
        return found
    labels = [f"{m.name} ({m.run.name})" if m.run else m.name for m in found]
    if len(set(labels)) < len(labels):
        labels = [f"{label} #{i + 1}" for i, label in enumerate(labels)]
    return [Material(label, m.data, m.missing, m.run) for label, m in zip(labels, found, strict=True)]
