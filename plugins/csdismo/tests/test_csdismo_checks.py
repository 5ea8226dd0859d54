"""Both trivial solutions, planted: all in content, all in style; and what is told about them."""

from __future__ import annotations

import warnings
from types import SimpleNamespace

import pytest
import torch
from distoolkit_csdismo import Config
from distoolkit_csdismo.checks import LEAST_SHARE, UnusedHalfWarning, shares, warn
from distoolkit_csdismo.generator import Fusion
from distoolkit_csdismo.model import ContentStyle, build

from distoolkit.contract import ImageSpec

SPEC = ImageSpec(3, 16, 16, 70)  # more than one part of 64
LOOP = SimpleNamespace(seed=0, device=torch.device("cpu"), spec=SPEC)


def model(**settings: object) -> ContentStyle:
    torch.manual_seed(0)
    made = build(Config(latents=8, style=3, width=8, constraint="none", **settings), SPEC)  # type: ignore[arg-type]
    for table in (made.content_table, made.style_table):
        table.data.normal_()
    return made


def test_both_halves_have_a_share_to_begin_with() -> None:
    both = shares(model(), LOOP)
    assert min(map(float, both)) > 2 * LEAST_SHARE
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn(*map(float, both))


def test_all_in_content_is_seen() -> None:
    planted = model()
    for module in planted.modules():
        if isinstance(module, Fusion):
            torch.nn.init.zeros_(module.affine.weight)
    by_content, by_style = shares(planted, LOOP)
    assert (float(by_content), float(by_style)) == (1, 0)
    with pytest.warns(UnusedHalfWarning, match="style is hardly used: .* by 0 of .* longer warm-up"):
        warn(float(by_content), float(by_style))


def test_all_in_style_is_seen() -> None:
    planted = model(form="concat")
    planted.content_table.data[:] = planted.content_table.data[:1]
    by_content, by_style = shares(planted, LOOP)
    assert (float(by_content), float(by_style)) == (0, 1)
    with pytest.warns(UnusedHalfWarning, match="content is hardly used: .* by 0 of .* shorter warm-up"):
        warn(float(by_content), float(by_style))


def test_shares_by_hand() -> None:
    """Pictures that are content + 3 style, of one pixel: signs are such that the changes do not cancel."""
    place = torch.arange(70.0)[:, None]
    planted = SimpleNamespace(training=False, train=lambda _: None, eval=lambda: None)
    planted.table, planted.split = lambda: torch.cat([place, place], 1), lambda code: (code[:, :1], code[:, 1:])
    planted.generator = lambda content, style: content + 3 * style
    by_content, by_style = shares(planted, LOOP)  # type: ignore[arg-type]
    assert float(by_content) == pytest.approx(1 / 4)
    assert float(by_style) == pytest.approx(3 / 4)


def test_neighbours_that_share_a_factor_do_not_mislead() -> None:
    """On a grid whose last factor is style, neighbours have one content."""
    planted = model()
    planted.content_table.data[:] = planted.content_table.data[::10].repeat_interleave(10, 0)
    assert float(shares(planted, LOOP)[0]) > 2 * LEAST_SHARE
