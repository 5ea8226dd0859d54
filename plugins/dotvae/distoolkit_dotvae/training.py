"""Pre-train, then open the dimensions one after the other, then consolidate."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import torch

from distoolkit.contract import Report
from distoolkit_dotvae import losses
from distoolkit_dotvae.acceptance import measure
from distoolkit_dotvae.model import Discriminator, DotVAE
from distoolkit_dotvae.openings import Figures, Plan, Trial, passes

if TYPE_CHECKING:
    from distoolkit_dotvae import Config


def train(model: DotVAE, loop: Any, config: Config) -> Iterator[Report]:
    """Yield one report a step, in all phases.

    The trials so far are the whole state: they say which dimension the next window opens, and when no more is.
    """
    plan = Plan.of(config)
    state = loop.state("openings", {"trials": []})
    steps = _Steps(model, loop, config, plan)
    yield from steps.stage("pretrain", plan.pretrain, opened=[])
    for number in itertools.count():
        trials = [_trial(kept) for kept in state["trials"]]
        window = plan.next_window(trials[:number])
        if window is None:
            break
        if loop.once(f"open {window.name}"):
            model.open(window.dimension)
        opened = [*_accepted(trials[:number]), window.dimension]
        yield from steps.stage(window.name, plan.window, opened, ramped=True)
        if len(state["trials"]) == number:
            figures = measure(model, loop, window.dimension, number)
            verdict = plan.verdict(window, passes(figures, config), number)
            trial = Trial(window.dimension, window.attempt, loop.step, figures, verdict)
            model.keep(number, trial)
            state["trials"].append(asdict(trial))
    yield from steps.stage("consolidate", plan.consolidation(trials), _accepted(trials))


class _Steps:
    """The optimisers, and what one step of any phase does."""

    def __init__(self, model: DotVAE, loop: Any, config: Config, plan: Plan) -> None:
        self.model, self.loop, self.config, self.plan = model, loop, config, plan
        self.adam = loop.optimizer("wake", torch.optim.Adam(model.parameters(), lr=config.lr))
        self.intervenes = max(config.recover_weight, config.nuisance_weight, config.adversarial_weight) > 0
        self.discriminator: Discriminator | None = None
        if self.intervenes:  # two Adams on the same parameters: the two losses have gradients of different scale
            adam = torch.optim.Adam(model.parameters(), lr=config.lr_intervention)
            self.adam_intervention = loop.optimizer("intervention", adam)
        if config.adversarial_weight > 0:
            self.discriminator = loop.module("discriminator", Discriminator(loop.spec, config.width))
            adam = torch.optim.Adam(self.discriminator.parameters(), lr=config.lr_discriminator, betas=(0.5, 0.9))
            self.adam_discriminator = loop.optimizer("discriminator", adam)

    def stage(self, name: str, steps: int, opened: list[int], ramped: bool = False) -> Iterator[Report]:
        """Run one stage with these dimensions open; ``ramped`` lets the interventions set in slowly."""
        positions = torch.tensor(opened, dtype=torch.int64, device=self.loop.device)
        for batch in self.loop.stage(name, steps):
            beta = self.plan.beta(self.loop.step)
            wake, report = self._wake(batch["image"], beta)
            dreamt: Report = {}
            if opened and self.intervenes:
                ramp = self.plan.ramp(self.loop.stage_step) if ramped else 1.0
                dreamt = self._dream(batch["image"], wake, positions, ramp)
            yield {**report, **dreamt, "beta": beta, "open_dimensions": float(len(opened))}

    def _wake(self, image: torch.Tensor, beta: float) -> tuple[losses.Wake, Report]:
        wake = losses.wake(self.model, image, self.config.likelihood)
        loss = wake.loss(beta)
        self.loop.minimise(loss, self.adam)
        report = {"loss": loss, "reconstruction": wake.reconstruction, "kl": wake.kl, "kl_nuisance": wake.kl_nuisance}
        return wake, report

    def _dream(self, image: torch.Tensor, wake: losses.Wake, opened: torch.Tensor, ramp: float) -> Report:
        """Take the intervention step on the codes that the wake step drew, then the discriminator's."""
        c, few = self.config, slice(self.config.interventions)
        dream = losses.dream(self.model, wake.z1[few], wake.z2[few], opened, self.discriminator, c.recovery)
        loss = c.recover_weight * dream.recovery + c.nuisance_weight * dream.nuisance_recovery
        loss = ramp * (loss + c.adversarial_weight * dream.adversarial)
        self.loop.minimise(loss, self.adam_intervention)
        report = {
            "intervention_loss": loss,
            "recovery": dream.recovery,
            "nuisance_recovery": dream.nuisance_recovery,
        }
        if self.discriminator is not None:
            judged = losses.discriminator_loss(self.discriminator, image[few], dream.image)
            self.loop.minimise(judged, self.adam_discriminator)
            report |= {"adversarial": dream.adversarial, "discriminator_loss": judged}
        return report


def _accepted(trials: list[Trial]) -> list[int]:
    return [t.dimension for t in trials if t.verdict == "accepted"]


def _trial(kept: dict[str, Any]) -> Trial:
    return Trial(**{**kept, "figures": Figures(**kept["figures"])})
