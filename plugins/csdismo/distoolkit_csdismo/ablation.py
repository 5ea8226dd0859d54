"""The ablation: each constraint on content with each form of the generator, on coloured digits.

A reduced protocol, so that 45 runs take some 25 minutes on one core: 900 images, 1,200 steps, and the scores that are
cheap. All runs have the warm-up. None has noise on content, whose size means something only where a constraint fixes
the scale of content; and none is stopped for a collapse, since a collapse is a result here.

``python -m distoolkit_csdismo.ablation FOLDER`` measures it and prints the table; stopped, it goes on where it was.
"""

from __future__ import annotations

import importlib.resources
import itertools
import statistics
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from distoolkit import cards
from distoolkit.cards import Card, Row
from distoolkit.encoding import encode
from distoolkit.runs import Run
from distoolkit_csdismo import METHOD, measures
from distoolkit_csdismo.card import Known, coloured_digits, content_size, leaks, measured, table_nmse, transferred

CONSTRAINTS = ("none", "zscore", "instance", "id", "zscore+id")
FORMS = ("concat", "single", "multi")
SETTINGS = {"steps": 1200, "encoder_steps": 300, "content_noise": 0.0, "least_spread": 0.0}
IMAGES = 1080  # a sixth is held out
PAIRS = 300
SHOWN = ("transfer", "nmse")
DATA = "coloured_digits"
MARKS = ("<!-- ablation -->", "<!-- /ablation -->")
"""Between these two lines the README holds `table`."""


def rows(seeds: Sequence[int], folder: Path) -> Iterator[Row]:
    """Measure every constraint with every form; the arms are called ``constraint, form``."""
    arms = {name(c, f): {"constraint": c, "form": f} for c, f in itertools.product(CONSTRAINTS, FORMS)}
    data = {DATA: partial(coloured_digits, sample=IMAGES)}
    yield from measured(seeds, folder, data, arms, scores, **SETTINGS)


def name(constraint: str, form: str) -> str:
    """Return what an arm is called."""
    return f"{constraint}, {form}"


def scores(run: Run, known: Known) -> dict[str, float]:
    """Measure ``nmse``, ``transfer`` and the leaks by linear probes, all as in `distoolkit_csdismo.card.figures`."""
    images = known.images["image"].values / 255
    codes = encode(run, known.images, reconstruct=False)["code"].values
    drawn, first, second = transferred(run, codes, PAIRS)
    truth = known.truth(first, second, known.roles)
    return {
        "nmse": table_nmse(run, images),
        "transfer": measures.transfer_errors(drawn, images[first], images[second], truth)[1],
        **leaks(codes, known, content_size(run), mlp=False),
    }


def read() -> Card:
    """Return the ablation that was measured and is kept in this package."""
    file = importlib.resources.files("distoolkit_csdismo") / "ablation.csv"
    with importlib.resources.as_file(file) as path:
        return cards.read(path)


def table(card: Card) -> str:
    """Return a Markdown table: a row for each constraint; for each score a column for each form."""
    columns = list(itertools.product(SHOWN, FORMS))
    lines = [["constraint", *(f"{score}, {form}" for score, form in columns)]]
    lines.append(["---"] * len(lines[0]))
    for constraint in CONSTRAINTS:
        cells = [spread(card.values(DATA, name(constraint, form), score)) for score, form in columns]
        lines.append([constraint, *cells])
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def spread(values: Sequence[float]) -> str:
    """Return mean and standard deviation over seeds; a dash where nothing was measured."""
    if not values:
        return "–"
    mean = f"{statistics.fmean(values):.2f}"
    return f"{mean} ± {statistics.stdev(values):.2f}" if len(values) > 1 else mean


if __name__ == "__main__":
    path = cards.measure(replace(METHOD, card=rows), range(3), sys.argv[1])
    print(table(cards.read(path)))
