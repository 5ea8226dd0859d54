"""The method card: recommended settings beside the same without warm-up, and beside the control without roles.

Its own protocol, since content and style are two vectors and have a known answer: pictures that mix the factors of
two images can be drawn.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from distoolkit.cards import Row, provenance
from distoolkit.data import load
from distoolkit.data.grid import factors_of, labelled
from distoolkit.encoding import decode, encode
from distoolkit.runs import Run
from distoolkit.storage import write_json
from distoolkit.training import fit
from distoolkit_csdismo import digits, graded, measures

Array = measures.Array
ARMS: Mapping[str, Mapping[str, Any]] = {
    "cs_dismo": {},
    "no warm-up, no noise": {"warm": 0.0, "content_noise": 0.0},
    "concat": {"form": "concat"},
}
PAIRS = 600
LOWER = [
    "nmse",
    "nmse_held",
    "held_ratio",
    "transfer",
    "best_map",
    "style_leak",
    "style_leak_mlp",
    "content_leak",
    "content_leak_mlp",
    "dependence",
]
HELD = 600  # combinations of factors that are not trained on
LOOKED_AT = 300  # images for the test of independence
HUES, SCALES, ORIENTATIONS = [0, 2, 3, 5, 7, 8], [0, 3, 7], [0, 4, 7, 10, 14]


@dataclass(frozen=True)
class Known:
    """Images whose answer is known.

    Attributes
    ----------
    images, held
        To train on, and others.
    roles
        Expected: True for each factor that is style.
    truth
        As in `distoolkit_csdismo.measures.best_roles`.
    """

    images: xr.Dataset
    held: xr.Dataset
    roles: tuple[bool, ...]
    truth: measures.Truth


def rows(seeds: Sequence[int], folder: Path) -> Iterator[Row]:
    """Measure the card: coloured digits, then sprites and scenes, which take four times as long and so have two arms.

    Finished runs are not repeated.
    """
    two = {arm: ARMS[arm] for arm in ("cs_dismo", "concat")}
    yield from measured(seeds, folder, {"coloured_digits": coloured_digits}, ARMS)
    yield from measured(seeds, folder, {"graded_sprites": graded_sprites, "shapes3d": scenes}, two)


def measured(
    seeds: Sequence[int],
    folder: Path,
    data: Mapping[str, Callable[[], Known]],
    arms: Mapping[str, Mapping[str, Any]],
    scores: Callable[[Run, Known], dict[str, float]] | None = None,
    **settings: Any,
) -> Iterator[Row]:
    """Fit and score every arm on every data set.

    Parameters
    ----------
    scores
        What to measure; without it `figures`.
    settings
        That all arms share.
    """
    for name, make in data.items():
        known = make()
        for seed in seeds:
            for arm, changes in arms.items():
                place = folder / "-".join([*arm.replace(",", "").split(), name, str(seed)])
                run = fit("cs_dismo", known.images, seed=seed, folder=place, resume=True, **{**settings, **changes})
                yield score(run, known, name, arm, scores or figures)


def coloured_digits(size: int = 16, sample: int | None = None) -> Known:
    """Return the digits, with both colours expected to be style; a sixth of the handwritten forms is held out."""
    everything = load("coloured_digits", size=size, sample=sample)
    order = np.random.default_rng(0).permutation(everything.sizes["sample"])
    cut = len(order) * 5 // 6
    images, held = (everything.isel(sample=part) for part in (order[:cut], order[cut:]))
    form, factors = images["sample"].values, images["factors"].values

    def truth(first: Array, second: Array, roles: Sequence[bool]) -> Array:
        mixed = np.where(roles, factors[second], factors[first])
        written = form[second if roles[0] else first]
        return digits.draw(written, mixed[:, 1], mixed[:, 2], size) / 255

    return Known(images, held, (False, True, True), truth)


def graded_sprites(sample: int = 1500) -> Known:
    """Return sprites on graded backgrounds, with both colours expected to be style; held out are other combinations."""
    sizes = [factor.size for factor in graded.GRID]
    index = np.random.default_rng(0).permutation(math.prod(sizes))[: sample + HELD]
    factors = factors_of(graded.GRID, index)
    options = {"index": index, "sample": len(index), "size": graded.SIZE}
    everything = labelled(graded.draw(factors), factors, graded.GRID, "graded_sprites", "rendered-1", **options)
    images, held = everything.isel(sample=slice(sample)), everything.isel(sample=slice(sample, None))

    def truth(first: Array, second: Array, roles: Sequence[bool]) -> Array:
        return graded.draw(np.where(roles, factors[second], factors[first])) / 255

    return Known(images, held, (False, False, False, False, False, True, True), truth)


def scenes(sample: int = 1500) -> Known:
    """Return ray-cast scenes of few hues, so that each probe sees enough of them; the hues are expected to be style.

    Held out are other combinations of the same values.
    """
    grid = load("shapes3d", size=32)
    sizes = grid["factor_size"].values
    values = [HUES, HUES, HUES, SCALES, list(range(4)), ORIENTATIONS]
    # values as numbers in the full grid, row-major; then a part of their combinations
    cells = np.stack(np.meshgrid(*values, indexing="ij"), axis=-1).reshape(-1, len(values))
    chosen = cells[np.random.default_rng(0).permutation(len(cells))[: sample + HELD]]
    everything = grid.isel(sample=np.ravel_multi_index(chosen.T, sizes)).load()
    images, held = everything.isel(sample=slice(sample)), everything.isel(sample=slice(sample, None))
    factors = images["factors"].values

    def truth(first: Array, second: Array, roles: Sequence[bool]) -> Array:
        mixed = np.where(roles, factors[second], factors[first])
        unique, back = np.unique(np.ravel_multi_index(mixed.T, sizes), return_inverse=True)
        return np.asarray(grid["image"].isel(sample=unique).values[back] / 255)

    return Known(images, held, (True, True, True, False, False, False), truth)


def score(run: Run, known: Known, data: str, arm: str, scores: Callable[[Run, Known], dict[str, float]]) -> Row:
    """Score one run, or read what was kept."""
    kept = run.folder / "row.json"
    if kept.exists():
        return Row(**json.loads(kept.read_text(encoding="utf-8")))
    row = Row(
        data=data,
        arm=arm,
        seed=run.seed,
        scores=scores(run, known),
        provenance={"standard": [], "lower_is_better": LOWER, **provenance(run, known.images)},
    )
    write_json(kept, asdict(row))
    return row


def figures(run: Run, known: Known, *, pairs: int = PAIRS) -> dict[str, float]:
    """Measure one run.

    Returns
    -------
    dict
        ``nmse``: squared error over that of the mean image, of training images drawn from the tables at the end of
        the first stage. ``nmse_held``: the same of held-out images by the encoders, and ``held_ratio``, its ratio to
        ``nmse``. The others are of the training images' codes by the encoders.
        ``transfer``: squared error of transferred pictures over that of the better trivial answer, for the expected
        roles. ``best_map``, ``best_map_is_expected``: under the roles chosen
        on other pairs. ``style_leak``: the largest excess over chance with which a style factor is predicted from
        content, linearly, ``style_leak_mlp`` by an MLP; ``content_leak``: a content factor from style.
        ``content_in_content``: the least accuracy of a content factor from content. ``dependence``,
        ``dependence_p``: of content and style.
    """
    code, held = (encode(run, images) for images in (known.images, known.held))
    images = known.images["image"].values / 255
    nmse = table_nmse(run, images)
    blank = float(((known.held["image"].values / 255 - images.mean(0)) ** 2).mean())
    nmse_held = float(held["reconstruction_mse"].mean()) / blank
    codes = code["code"].values
    split = content_size(run)
    drawn, first, second = transferred(run, codes, pairs)
    truth = known.truth(first, second, known.roles)
    roles, best = measures.best_roles(drawn, (first, second), images, known.truth, len(known.roles))
    looked_at = np.random.default_rng(0).choice(len(codes), min(LOOKED_AT, len(codes)), replace=False)
    dependence, p = measures.independence(codes[looked_at, :split], codes[looked_at, split:])
    return {
        "nmse": nmse,
        "nmse_held": nmse_held,
        "held_ratio": nmse_held / nmse,
        "transfer": measures.transfer_errors(drawn, images[first], images[second], truth)[1],
        "best_map": best,
        "best_map_is_expected": float(roles == known.roles),
        **leaks(codes, known, split),
        "dependence": dependence,
        "dependence_p": p,
    }


def table_nmse(run: Run, images: Array) -> float:
    """Return the squared error of pictures drawn from the tables, over that of the mean of the images in [0, 1]."""
    model: Any = run.model()
    return float(model.table_error) / float(((images - images.mean(0)) ** 2).mean())


def transferred(run: Run, codes: Array, pairs: int) -> tuple[Array, Array, Array]:
    """Draw random pairs of images mixed; return the pictures, where content came from, and where style."""
    first, second = np.random.default_rng(0).integers(len(codes), size=(2, pairs))
    return mixed(run, codes, first, second, content_size(run)), first, second


def content_size(run: Run) -> int:
    """Return how many entries of a code are content: they come first."""
    model: Any = run.model()
    return int(model.layout[0].size)


def mixed(run: Run, code: Array, first: Array, second: Array, split: int) -> Array:
    """Draw (pair, y, x, channel) in [0, 1] with content of the first and style of the second of each pair."""
    both = np.concatenate([code[first, :split], code[second, split:]], axis=1)
    return np.asarray(decode(run, both, progress=False)["image"] / 255)


def leaks(table: Array, known: Known, split: int, *, mlp: bool = True) -> dict[str, float]:
    """Return what probes find of each role's factors in either part of the code; without ``mlp`` linear ones only."""
    names = [str(n) for n in known.images["factor"].values]
    style = [n for n, s in zip(names, known.roles, strict=True) if s]
    content = [n for n in names if n not in style]
    factors = known.images["factors"].values
    by_content = measures.probes(table[:, :split], factors, names, mlp=mlp)
    by_style = measures.probes(table[:, split:], factors, names, mlp=mlp)
    found = {"style_leak": measures.summary(by_content, style)}
    if mlp:
        found["style_leak_mlp"] = measures.summary(by_content, style, probe=1)
    found["content_leak"] = measures.summary(by_style, content)
    if mlp:
        found["content_leak_mlp"] = measures.summary(by_style, content, probe=1)
    return {
        **found,
        "content_in_content": min(by_content[n][0] for n in content),
        "style_in_style": min(by_style[n][0] for n in style),
    }
