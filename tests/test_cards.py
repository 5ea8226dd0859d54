"""Method cards: what is measured, what is kept, and that the READMEs show what was kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner

from distoolkit import cards, registry, views
from distoolkit.cards import Card, Row, compare
from distoolkit.cli import cli
from distoolkit.contract import DataError, DistoolkitError, Method

ROOT = Path(__file__).parent.parent
TINY = {"sprites": {"size": 32, "sample": 300}}
ROWS = (
    Row(data="sprites", arm="new", seed=1, scores={"mig": 0.5, "found": 3.0}, provenance={"standard": ["mig"]}),
    Row(data="sprites", arm="new", seed=0, scores={"mig": 0.25, "found": 4.0}, provenance={"standard": ["mig"]}),
    Row(data="sprites", arm="twin", seed=0, scores={"mig": 0.1}, provenance={"standard": ["mig"]}),
)


def with_card() -> list[Method]:
    return [method for method in registry.methods().values() if method.card]


def test_the_table_gives_mean_and_standard_deviation_over_seeds():
    assert Card("new", ROWS).table().splitlines() == [
        "| data | method | seeds | mig | found | steps | minutes |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        "| sprites | new | 2 | 0.375 ± 0.18 | 3.5 ± 0.71 | – | – |",
        "| sprites | twin | 1 | 0.1 | – | – | – |",
    ]


def test_the_table_ends_with_the_budget():
    def run(seed: int, seconds: float, steps: int) -> Row:
        told = {"standard": ["mig"], "seconds": seconds, "config": {"steps": steps}}
        return Row(data="sprites", arm="new", seed=seed, scores={"mig": 0.5}, provenance=told)

    runs = (run(0, 90, 2000), run(1, 6000, 2000), run(2, 30, 2000))
    assert Card("new", runs).table().splitlines()[2] == "| sprites | new | 3 | 0.5 ± 0 | 2,000 | 1.5 |"
    other = Card("new", (*runs, run(3, 90, 500)))
    assert other.table().splitlines()[2] == "| sprites | new | 4 | 0.5 ± 0 | 500, 2,000 | 1.5 |"


def test_a_card_is_read_as_it_was_written(tmp_path):
    cards.write(tmp_path / "card.csv", ROWS)
    assert cards.read(tmp_path / "card.csv").rows == ROWS
    assert len((tmp_path / "card.csv").read_text().splitlines()) == 1 + 5


def test_values_come_by_seed():
    assert Card("new", ROWS).values("sprites", "new", "mig") == [0.25, 0.5]
    assert Card("new", ROWS).values("sprites", "twin", "found") == []


def test_the_scores_of_a_card_can_be_drawn():
    datasets, names = Card("new", ROWS).scores("sprites")
    assert names == ["new", "new", "twin"]
    assert len(views.scores(datasets, ["mig"], names=names)) == 1
    with pytest.raises(DataError, match=r"nothing on 'faces'; it has \['sprites'\]"):
        Card("new", ROWS).scores("faces")


def test_compare_fits_each_arm_on_each_seed_and_not_twice(tmp_path, monkeypatch):
    arms = {"pca": ("pca", {"latents": 3, "steps": 2}), "two": ("pca", {"latents": 2, "steps": 2})}
    extra = lambda run, images, latents: {"width": latents.sizes["latent"]}  # noqa: E731
    rows = list(compare(arms, [0, 1], tmp_path, data=TINY, extra=extra))
    assert [(r.seed, r.arm, r.scores["width"]) for r in rows] == [
        (0, "pca", 3),
        (0, "two", 2),
        (1, "pca", 3),
        (1, "two", 2),
    ]
    assert {"factor_vae", "dci_disentanglement", "mig", "reconstruction_mse"} <= set(rows[0].scores)
    assert rows[0].provenance["lower_is_better"] == ["reconstruction_mse"]
    assert rows[0].provenance["config"]["latents"] == 3
    monkeypatch.setattr(cards, "evaluate", None)  # what was measured is not measured again
    assert list(compare(arms, [0, 1], tmp_path, data=TINY, extra=extra)) == rows


def test_a_kill_between_rows_keeps_those_before(tmp_path):
    def dies(seeds: Sequence[int], folder: Path) -> Iterator[Row]:
        yield ROWS[0]
        raise KeyboardInterrupt

    method = method_with(dies)
    with pytest.raises(KeyboardInterrupt):
        cards.measure(method, [0], tmp_path)
    assert cards.read(tmp_path / "card.csv").rows == ROWS[:1]


def method_with(card: object) -> Method:
    import dataclasses

    return dataclasses.replace(registry.find("methods", "pca"), card=card)


def test_a_method_without_a_card_says_which_have_one(tmp_path):
    with pytest.raises(DistoolkitError, match=r"pca defines no card; methods that do: \[.*'beta_vae'"):
        cards.measure(method_with(None), [0], tmp_path)


def test_a_file_that_is_no_card_is_named(tmp_path):
    (tmp_path / "odd.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DistoolkitError, match=r"odd\.csv is no method card"):
        cards.read(tmp_path / "odd.csv")


def test_the_table_goes_between_the_marks(tmp_path):
    readme = tmp_path / "README.md"
    readme.write_text("before\n<!-- card -->\nold\n<!-- /card -->\nafter\n")
    cards.fill(readme, Card("new", ROWS))
    text = readme.read_text()
    assert text.startswith("before\n<!-- card -->\n| data |")
    assert text.endswith("|\n<!-- /card -->\nafter\n")
    assert "old" not in text
    readme.write_text("nothing here")
    with pytest.raises(DataError, match="no single pair of the lines"):
        cards.fill(readme, Card("new", ROWS))
    assert readme.read_text() == "nothing here"


@pytest.mark.parametrize("name", sorted(name for name, method in registry.methods().items() if method.card))
def test_the_readme_shows_the_card_that_is_kept(name):
    try:
        card = cards.read(name)
    except DistoolkitError:
        pytest.skip("nothing was measured yet")
    package = registry.resolve(registry.find("methods", name).card).__module__.partition(".")[0]
    (readme,) = (ROOT / "plugins").glob(f"*/{package}/../README.md")
    shown = readme.read_text().split(cards.MARKS[0])[1].split(cards.MARKS[1])[0].strip()
    assert shown == card.table()


def test_all_methods_stand_side_by_side_without_their_twins(monkeypatch):
    def row(arm, seed, dci, data="sprites", **scores):
        return Row(data=data, arm=arm, seed=seed, scores={"dci_disentanglement": dci, **scores})

    kept = {
        "low": [row("low", 0, 0.1), row("low", 1, 0.3), row("low twin", 0, 0.9), row("low", 0, 0.1, "elsewhere")],
        "high": [row("high", 0, 0.4, "shapes3d"), row("high", 0, 0.4, mig=0.2, of_its_own=1.0), row("low", 0, 0.9)],
    }
    monkeypatch.setattr(registry, "methods", lambda: dict.fromkeys([*kept, "without a card"]))
    monkeypatch.setattr(cards, "_kept", lambda record: "")
    monkeypatch.setattr(cards, "read", lambda name: Card(name, tuple(kept.get(name, []))))
    assert cards.overview().table().splitlines()[2:] == [
        "| sprites | high | 1 | 0.4 | 0.2 | – | – |",
        "| sprites | low | 2 | 0.2 ± 0.14 | – | – | – |",
        "| shapes3d | high | 1 | 0.4 | – | – | – |",
    ]


def test_the_readme_shows_what_the_cards_hold():
    shown = (ROOT / "README.md").read_text().split(cards.MARKS[0])[1].split(cards.MARKS[1])[0].strip()
    assert shown == cards.overview().table()
    result = CliRunner().invoke(cli, ["card"])
    assert result.output.strip() == shown


def test_the_command_shows_what_is_kept_and_refuses_what_is_not(tmp_path):
    result = CliRunner().invoke(cli, ["card", "nothing", "--show"])
    assert result.exit_code == 2
    assert "no method 'nothing'" in result.output
