"""The ablation: what it fits, what it scores, and how its table is made."""

from __future__ import annotations

from pathlib import Path

import pytest
from distoolkit_csdismo import ablation

from distoolkit.cards import Card, Row


def test_every_constraint_is_fitted_with_every_form(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ablation, "CONSTRAINTS", ("none", "zscore+id"))
    monkeypatch.setattr(ablation, "FORMS", ("concat", "multi"))
    monkeypatch.setattr(ablation, "SETTINGS", {**ablation.SETTINGS, "steps": 4, "encoder_steps": 2})
    monkeypatch.setattr(ablation, "IMAGES", 120)
    found = list(ablation.rows([3], tmp_path))
    configs = [row.provenance["config"] for row in found]
    fitted = [
        (row.arm, config["constraint"], config["form"], row.seed) for row, config in zip(found, configs, strict=True)
    ]
    assert fitted == [
        ("none, concat", "none", "concat", 3),
        ("none, multi", "none", "multi", 3),
        ("zscore+id, concat", "zscore+id", "concat", 3),
        ("zscore+id, multi", "zscore+id", "multi", 3),
    ]
    assert {(c["content_noise"], c["warm"], c["steps"]) for c in configs} == {(0, 0.3, 4)}
    names = {"nmse", "transfer", "style_leak", "content_leak", "content_in_content", "style_in_style"}
    assert all(set(row.scores) == names for row in found)
    assert len({row.scores["transfer"] for row in found}) == 4


def test_the_table_has_a_row_for_each_constraint() -> None:
    values = {0: (0.5, 0.1), 1: (0.7, 0.1)}
    rows = tuple(
        Row(data=ablation.DATA, arm="zscore, multi", seed=seed, scores={"transfer": t, "nmse": n})
        for seed, (t, n) in values.items()
    )
    header, _, *lines = ablation.table(Card("ablation", rows)).splitlines()
    assert header == (
        "| constraint | transfer, concat | transfer, single | transfer, multi "
        "| nmse, concat | nmse, single | nmse, multi |"
    )
    assert lines[0] == "| none | – | – | – | – | – | – |"
    assert lines[1] == "| zscore | – | – | 0.60 ± 0.14 | – | – | 0.10 ± 0.00 |"
    assert len(lines) == 5
    assert ablation.table(Card("ablation", rows[:1])).splitlines()[3] == "| zscore | – | – | 0.50 | – | – | 0.10 |"


def test_the_readme_shows_the_ablation_that_is_kept() -> None:
    before, after = ablation.MARKS
    readme = (Path(ablation.__file__).parents[1] / "README.md").read_text()
    assert readme.split(before)[1].split(after)[0].strip() == ablation.table(ablation.read())


def test_what_is_kept_was_measured_as_the_protocol_says() -> None:
    kept = ablation.read().rows
    arms = {ablation.name(c, f): (c, f) for c in ablation.CONSTRAINTS for f in ablation.FORMS}
    assert {row.arm for row in kept} == set(arms)
    for row in kept:
        config = row.provenance["config"]
        assert (config["constraint"], config["form"]) == arms[row.arm]
        assert {name: config[name] for name in ablation.SETTINGS} == ablation.SETTINGS
