"""The report, from Datasets that come from no run; tests/browser opens one in Chromium."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr

import distoolkit
from distoolkit import contract, registry, schema, views
from distoolkit.contract import DataError
from distoolkit.reports import report


@pytest.fixture
def data(tiny_images: xr.Dataset) -> dict[str, xr.Dataset]:
    """All kinds of Datasets about the tiny images."""
    rng = np.random.default_rng(0)
    factors = tiny_images["factors"].values
    code = np.c_[factors, rng.normal(size=48)] + rng.normal(0, 0.1, (48, 4))
    latents = schema.as_latents(code, factors, ["size", "x", "y"], name="tiny")
    latents = schema.stamp(latents, "latents", method="hand", seed=4, config={"latents": 4, "beta": 2.5})
    image = rng.integers(0, 255, (4, 5, 16, 16, 1)).astype(np.uint8)
    traversal = xr.Dataset(
        {"image": (("unit", "step", "y", "x", "channel"), image)},
        coords={"unit": ["z0", "z1", "z2", "z3"], "value": ("step", np.linspace(-2, 2, 5))},
    )
    history = xr.Dataset(
        {"loss": ("step", np.linspace(9, 1, 20))},
        coords={"step": np.arange(20), "stage": ("step", ["train"] * 20), "seconds": ("step", np.arange(20.0))},
    )
    return {
        "images": tiny_images,
        "latents": latents,
        "traversal": schema.stamp(traversal, "traversal"),
        "history": schema.stamp(history, "history"),
        "scores": scores_of("hand", 0.5),
    }


def scores_of(method: str, value: float, **provenance) -> xr.Dataset:
    made = xr.Dataset(
        {
            "score": ("metric", [value, 0.01]),
            "score_low": ("metric", [value - 0.1, np.nan]),
            "score_high": ("metric", [value + 0.1, np.nan]),
            "score_identity": ("metric", [0.9, np.nan]),
            "mutual_information": (("factor", "unit"), np.eye(3, 4)),
        },
        coords={
            "metric": ["mig", "reconstruction_mse"],
            "higher_is_better": ("metric", [True, False]),
            "factor": ["size", "x", "y"],
            "unit": ["z0", "z1", "z2", "z3"],
        },
    )
    cards = {"mig": {"variant": "twenty bins", "scores": ["mig"]}}
    return schema.stamp(made, "scores", method=method, cards=cards, left_out={"dci": "was not asked for"}, **provenance)


class Page(HTMLParser):
    """Headings, ids, addresses, pictures without words, and text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.headings: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.wordless: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.open.append(tag)
        if given.get("id"):
            self.ids.append(str(given["id"]))
        self.links += [str(given[n]) for n in ("src", "href", "xlink:href") if given.get(n)]
        if (tag == "img" and not given.get("alt")) or (tag == "svg" and not given.get("aria-label")):
            self.wordless.append(str(self.get_starttag_text())[:80])

    def handle_data(self, data: str) -> None:
        self.text += data
        if self.open and self.open[-1] == "h2":
            self.headings.append(data)


def test_a_full_report_has_every_section_and_only_those_it_lists(data, tmp_path):
    path = report(data, tmp_path / "r.html")
    page = Page(path.read_text())
    assert page.headings == [
        "Scores",
        "Images and reconstructions",
        "Traversals",
        "Factors and units",
        "Responses",
        "Codes",
        "Training",
        "Provenance",
        "Words used here",
    ]
    assert {link[1:] for link in page.links if link.startswith("#") and "-" not in link} <= set(page.ids)
    assert list(tmp_path.iterdir()) == [path]


def test_it_asks_for_nothing_from_outside_and_every_picture_has_words(data, tmp_path):
    text = report(data, tmp_path / "r.html").read_text()
    page = Page(text)
    assert [link[:30] for link in page.links if not link.startswith(("#", "data:"))] == []
    assert not re.search(r"url\((?!#)", text)
    assert "@import" not in text
    assert page.wordless == []
    assert len(text) < 1_000_000


def test_no_two_things_have_one_id(data, tmp_path):
    second = {**data, "latents": schema.stamp(data["latents"], "latents", method="other")}
    ids = Page(report([data, second], tmp_path / "r.html").read_text()).ids
    assert len(ids) == len(set(ids))


def test_the_scores_show_median_range_interval_ceiling_and_card(data, tmp_path):
    runs = [{**data, "scores": scores_of("hand", v, seed=s)} for s, v in enumerate((0.2, 0.3, 0.7))]
    text = Page(report([*runs, {**data, "scores": scores_of("other", 0.6)}], tmp_path / "r.html").read_text()).text
    assert "0.300" in text
    assert "0.200 to 0.700, 3 runs" in text
    assert "95 %: 0.500 to 0.700" in text
    assert "0.900" in text
    assert "twenty bins" in text
    assert "was not asked for" in text


def test_runs_with_other_settings_are_not_taken_for_repeats(data, tmp_path):
    runs = [{**data, "scores": scores_of("hand", 0.2 * b, config={"beta": b, "steps": 9})} for b in (1, 4)]
    text = Page(report(runs, tmp_path / "r.html").read_text()).text
    assert "hand beta=1" in text
    assert "hand beta=4" in text
    assert "2 runs," not in text.replace("2 runs, codes", "")


def test_the_best_method_is_marked_and_a_single_one_is_not(data, tmp_path):
    other = {**data, "scores": scores_of("other", 0.6)}
    assert '<span class="best">0.600</span>' in report([data, other], tmp_path / "r.html").read_text()
    assert 'class="best"' not in report(data, tmp_path / "s.html").read_text()


def test_the_provenance_is_inside_and_can_be_read_back(data, tmp_path):
    path = report(data, tmp_path / "r.html")
    assert views.provenance(path)["sources"][0]["name"] == "hand"
    text = Page(path.read_text()).text
    assert "2.5" in text
    assert "beta" in text


@pytest.mark.parametrize("kind", ["latents", "scores", "history", "traversal", "images"])
def test_any_single_dataset_makes_a_report(data, tmp_path, kind):
    page = Page(report({kind: data[kind]}, tmp_path / "r.html").read_text())
    assert "Provenance" in page.headings
    if kind != "scores":
        assert "it was not given" in page.text


def test_without_factors_it_says_less_and_nothing_wrong(data, tmp_path):
    plain = {"latents": schema.as_latents(data["latents"]["code"].values)}
    page = Page(report(plain, tmp_path / "r.html").read_text())
    assert "Responses" not in page.headings
    assert "Factors and units" not in page.headings
    assert "Codes" in page.headings


def test_text_from_data_is_never_markup(data, tmp_path):
    evil = "<script>alert(1)</script>"
    latents = schema.stamp(data["latents"], "latents", method=evil, config={evil: evil})
    text = report({**data, "latents": latents}, tmp_path / "r.html", title=evil).read_text()
    assert "<script>alert" not in text
    assert json.loads(re.search(r'provenance">(.*?)</script>', text)[1])["provenance"]["sources"][0]["method"] == evil


def test_a_strangers_panel_is_drawn_and_one_that_raises_harms_nothing(data, tmp_path):
    def good(given):
        return views.history(given["history"])

    def bad(given):
        raise ValueError("I am <broken>")

    registry.shared.cache_clear()
    panels = [
        contract.Panel(name="good", summary="a fine one", build=good, needs=frozenset({"history"})),
        contract.Panel(name="bad", summary="a broken one", build=bad),
        contract.Panel(name="hungry", summary="needs more", build=good, needs=frozenset({"samples"})),
    ]
    registry.register(SimpleNamespace(distoolkit_panels=distoolkit.hookimpl(lambda: panels)), "stranger")
    try:
        page = Page(report(data, tmp_path / "r.html").read_text())
    finally:
        registry.shared.cache_clear()
    assert "Further panels" in page.headings
    assert "ValueError: I am <broken>" in page.text
    assert "needs samples" in page.text
    assert "Training" in page.headings


def test_latents_of_other_images_are_refused(data, tmp_path):
    with pytest.raises(DataError, match="row by row"):
        report({**data, "latents": data["latents"].isel(sample=slice(9))}, tmp_path / "r.html")
    with pytest.raises(DataError, match="2 scores for 1 runs"):
        report(data, tmp_path / "r.html", scores=[data["scores"]] * 2)
    with pytest.raises(DataError, match="nothing to show"):
        report([], tmp_path / "r.html")
    assert not list(tmp_path.iterdir())
