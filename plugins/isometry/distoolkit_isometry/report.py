"""Before any training: do the assumptions look true on these images?"""

from __future__ import annotations

import html
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from distoolkit import schema
from distoolkit.contract import DataError
from distoolkit_isometry import doubts as doubt
from distoolkit_isometry.dimension import MOST, Locality, locality
from distoolkit_isometry.hessian import fewest_neighbours, usual_neighbours
from distoolkit_isometry.neighbours import Array, distinct, nearest, principal_subspace
from distoolkit_isometry.spectral import Solution, hessian_ica

POINTS = 2000
HIGHEST = 5  # the most latents that are tried; more need far more images than that


@dataclass(frozen=True)
class IsometryReport:
    """What a closed-form solution on a part of the images says about the assumptions.

    Attributes
    ----------
    name
        Of the data.
    given, used
        Images in the data, and those that were looked at.
    locality
        Local dimension and flatness.
    solutions
        By number of latents: the solution, or why there is none.
    suggested
        The number of latents to ask for.
    """

    name: str
    given: int
    used: int
    locality: Locality
    solutions: dict[int, Solution | str]
    suggested: int

    @property
    def solution(self) -> Solution | None:
        """The solution with the suggested number of latents, if there is one."""
        found = self.solutions.get(self.suggested)
        return found if isinstance(found, Solution) else None

    @property
    def doubts(self) -> tuple[str, ...]:
        """What speaks against the assumptions; empty is good."""
        found = self.solutions.get(self.suggested, "no number of latents could be solved for")
        return found.doubts if isinstance(found, Solution) else (found,)

    @property
    def trusted(self) -> bool:
        """Whether nothing speaks against the assumptions."""
        return not self.doubts

    def checks(self) -> list[tuple[str, str]]:
        """List what was measured, as pairs of a name and a value in words."""
        local, rows = self.locality, [("images", f"{self.used} of {self.given} looked at")]
        rows.append(("local dimension", f"{local.suggested} (two-nearest-neighbours estimate {local.two_nn:.1f})"))
        for latents, found in sorted(self.solutions.items()):
            words = f"eigengap {found.null.gap:.3g}" if isinstance(found, Solution) else found
            rows.append((f"{latents} latents" + (" (suggested)" if latents == self.suggested else ""), words))
        if self.solution is not None:
            rows.append(("off the tangent plane", f"{local.off_tangent(self.suggested):.1%} of local variance"))
            rows.append(("negentropy", ", ".join(f"{v:.3f}" for v in np.sort(self.solution.ica.negentropy)[::-1])))
            rows.append(("lengths of the factors", ", ".join(f"{v:.3g}" for v in self.solution.scale)))
        return rows

    def picture(self) -> Any:
        """Draw the local spectrum beside the eigengap of each number of latents."""
        from distoolkit_isometry.pictures import report_picture

        return report_picture(self)

    def __repr__(self) -> str:
        """Say it in lines of text."""
        rows = self.checks()
        width = max(len(name) for name, _ in rows)
        lines = [f"isometry of {self.name}: {self._verdict()}"]
        lines += [f"  {name:<{width}}  {value}" for name, value in rows]
        lines += [f"  doubt: {sentence}" for sentence in self.doubts]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td style='text-align:left'>{html.escape(name)}</td>"
            f"<td style='text-align:left'>{html.escape(value)}</td></tr>"
            for name, value in self.checks()
        )
        listed = "".join(f"<li>{html.escape(sentence)}</li>" for sentence in self.doubts)
        return f"<b>Isometry of {html.escape(self.name)}: {html.escape(self._verdict())}</b><table>{rows}</table>" + (
            f"<ul>{listed}</ul>" if listed else ""
        )

    def _verdict(self) -> str:
        if self.trusted:
            return f"nothing speaks against {self.suggested} factors"
        return f"{len(self.doubts)} doubts" if len(self.doubts) > 1 else "one doubt"


def isometry_report(
    data: xr.Dataset | Array, latents: int = 0, *, points: int = POINTS, neighbours: int = 0, seed: int = 0
) -> IsometryReport:
    """Check, before any training, whether images look locally isometric to independent factors.

    Solves the closed form on a part of the images for several numbers of latents. What it cannot see: whether the
    recovered factors are the ones that a reader has in mind.

    Parameters
    ----------
    data
        Dataset of kind ``images`` or ``latents`` (for the features of another model), or an array (N, D).
    latents
        The number of factors, if it is known; else 1 to one more than the local dimension are tried.
    points
        The most images to look at; more take longer and see finer.
    neighbours
        Size of a neighbourhood; 0 takes the usual one.
    seed
        Fixes which images are looked at, and the starts of the ICA.

    Raises
    ------
    DataError
        Too few different images, or values that are not finite.
    """
    array, name = _points(data)
    chosen = np.arange(len(array))
    if len(array) > points:
        chosen = np.sort(np.random.default_rng(seed).choice(len(array), points, replace=False))
    some = array[chosen]
    local = _locality(some, latents, neighbours, seed)
    wanted = [latents] if latents else range(1, min(local.suggested + 1, HIGHEST) + 1)
    solutions = {count: _solve(some, count, neighbours, seed) for count in wanted}
    return IsometryReport(name, len(array), len(some), local, solutions, latents or _suggest(solutions, local))


def _points(data: xr.Dataset | Array) -> tuple[Array, str]:
    if isinstance(data, xr.Dataset):
        schema.check(data)
        if data.attrs["kind"] not in ("images", "latents"):
            raise DataError(f"this Dataset is of kind {data.attrs['kind']!r}: give images, latents or an array (N, D)")
        name = str(data.attrs.get("data", "array"))
        if data.attrs["kind"] == "latents":
            return data["code"].values.astype(np.float64), name
        flat = data["image"].values.reshape(data.sizes["sample"], -1)
        return flat.astype(np.float32) / 255, name
    return np.asarray(data, dtype=np.float64), "array"


def _locality(points: Array, latents: int, neighbours: int, seed: int) -> Locality:
    """Look at the neighbourhoods alone, which needs no number of latents."""
    first, _ = distinct(points)
    size = neighbours or usual_neighbours(latents or 3)
    if len(first) < max(2 * size, 4):
        raise DataError(
            f"{len(first)} different points (of {len(points)}) are too few for neighbourhoods of {size}: give at "
            f"least {2 * size}"
        )
    subspace = principal_subspace(points[first], 64, seed)
    coordinates = subspace.project(points[first]).astype(np.float64)
    return locality(coordinates, nearest(coordinates, size))


def _solve(points: Array, latents: int, neighbours: int, seed: int) -> Solution | str:
    size = neighbours if neighbours >= fewest_neighbours(latents) else 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", doubt.IsometryWarning)  # they are part of the report
        try:
            return hessian_ica(points, latents, neighbours=size, seed=seed)
        except DataError as error:
            return str(error)


def _suggest(solutions: dict[int, Solution | str], local: Locality) -> int:
    """Take the local dimension if its solution stands out, else the number of latents with the largest eigengap."""
    gaps = {n: s.null.gap for n, s in solutions.items() if isinstance(s, Solution)}
    if not gaps or gaps.get(local.suggested, 0.0) >= doubt.GAP:
        return min(local.suggested, MOST)
    return max(gaps, key=lambda n: gaps[n])
