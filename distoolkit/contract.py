"""What a plugin promises and what the toolkit promises back: types and errors only.

A plugin hands over *records* (`Method`, `Metric`, `DataSource`, `Panel`); it never inherits from the
toolkit. A record points at its code by a `Ref`: a string ``"package.module:name"`` that is resolved on
first use, so that listing a hundred plugins imports no torch, or the callable itself (handy in a notebook).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Generic, Literal, Protocol, TypeAlias, TypeVar, runtime_checkable

if TYPE_CHECKING:
    import torch

API = 1
"""Version of this contract. A record that asks for a newer one is refused with what to upgrade."""

Ref: TypeAlias = str | Callable[..., Any]
Batch: TypeAlias = "dict[str, torch.Tensor]"
Report: TypeAlias = "Mapping[str, torch.Tensor | float]"
C = TypeVar("C")


class DistoolkitError(Exception):
    """Base of every error that the toolkit raises on purpose."""


class UnknownNameError(DistoolkitError, LookupError):
    """A name that no plugin, config or data set has; the message gives the nearest ones."""


class ConfigError(DistoolkitError, ValueError):
    """A setting of the wrong type or outside its allowed values."""


class SchemaError(DistoolkitError, ValueError):
    """A Dataset that breaks the schema; the message lists every fault at once."""


class PluginError(DistoolkitError):
    """A plugin that cannot be imported, repeats a name, or returns something that is no record."""


class RunError(DistoolkitError):
    """A run folder that is half written, of another method, or whose weights do not fit."""


class DataError(DistoolkitError, ValueError):
    """Images or files that cannot be used as they are."""


class TrainingError(DistoolkitError):
    """Training cannot go on: a loss became NaN, a trainer reported nothing, a batch does not fit."""


class PluginWarning(UserWarning):
    """One plugin was left out; everything else goes on."""


class MethodWarning(UserWarning):
    """A method has found something in the images that makes its result doubtful; plugins derive their own from it."""


@dataclass(frozen=True, kw_only=True)
class Paper:
    """Where a method, metric or data set comes from."""

    title: str
    authors: str
    venue: str = ""
    year: int = 0
    url: str = ""


@dataclass(frozen=True, kw_only=True)
class Fidelity:
    """What an implementation was built from, and every known way in which it differs.

    Attributes
    ----------
    source
        ``"paper"`` (its text was read), ``"code"`` (the authors' code was read), ``"reconstruction"``
        (rebuilt from an abstract, a summary or related work), ``"none"`` (there is no paper).
    deviations
        One sentence for each known difference or open choice.
    """

    source: Literal["paper", "code", "reconstruction", "none"]
    deviations: tuple[str, ...] = ()


@dataclass(frozen=True)
class ImageSpec:
    """Shape of the images that a model is built for, and how many there are in the training set."""

    channels: int
    height: int
    width: int
    count: int = 0

    def __str__(self) -> str:
        """Return e.g. ``64x64x3``: height, width, channels."""
        return f"{self.height}x{self.width}x{self.channels}"


@dataclass(frozen=True, kw_only=True)
class Method(Generic[C]):
    """One disentanglement method, as a plugin registers it.

    Attributes
    ----------
    name, summary, paper
        Identifier (``"factor_vae"``), one line for people, and the source.
    config
        A frozen dataclass. Every field has a default and is made with `distoolkit.config.knob`.
    quick
        A config that trains in seconds on two cores; tests and notebooks use it.
    model
        ``(config, ImageSpec) -> torch.nn.Module`` with ``encode`` and, if it can, ``decode`` and ``posterior``.
    trainer
        ``(model, Loop, config) -> Iterator[Report]``: a generator that yields one report a step.
    widgets
        Pictures and controls that only this method has: name -> ``(run, images) -> displayable``.
    fidelity
        What it was built from and where it differs.
    needs
        What the images must have beside their pixels: ``"factors"`` where training is told something about the true
        factors, as `Loop.factors` gives them; empty for an unsupervised method.
    card
        ``(seeds, folder) -> Iterator[distoolkit.cards.Row]``: measures the method over seeds, beside itself with its
        idea switched off; `distoolkit.cards.compare` does it for most. Its package keeps the result as ``card.csv``.
    api
        The version of this contract that it was written for.
    """

    name: str
    summary: str
    paper: Paper
    config: type[C]
    quick: C
    model: Ref
    trainer: Ref
    fidelity: Fidelity
    widgets: Mapping[str, Ref] = field(default_factory=lambda: MappingProxyType({}))
    needs: frozenset[str] = frozenset()
    card: Ref | None = None
    api: int = API


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One score of a latent Dataset.

    Attributes
    ----------
    name, summary, paper, fidelity, api
        As in `Method`.
    compute
        ``(latents: Dataset, *, seed: int, **settings) -> Dataset``. The result has ``score(metric)``, the
        coordinate ``higher_is_better(metric)``, and whatever matrices stand behind the scores.
    scores
        The entries of the result's ``metric`` axis, the first being the headline.
    needs
        What the latent Dataset must hold: ``"factors"``, ``"reconstruction"``; empty means label-free.
    higher_is_better
        For the headline score.
    """

    name: str
    summary: str
    paper: Paper
    compute: Ref
    scores: tuple[str, ...]
    fidelity: Fidelity
    needs: frozenset[str] = frozenset()
    higher_is_better: bool = True
    api: int = API


@dataclass(frozen=True, kw_only=True)
class DataFile:
    """One file of a published data set.

    Attributes
    ----------
    name
        What the file is called on the disk.
    urls
        Where it can be downloaded, mirrors after one another; empty if it has to be fetched by hand.
    size
        In bytes; 0 if it is not known.
    checksum
        ``"sha256:..."`` or ``"md5:..."``; empty if none is known.
    """

    name: str
    urls: tuple[str, ...] = ()
    size: int = 0
    checksum: str = ""


@dataclass(frozen=True, kw_only=True)
class DataSource:
    """One data set, or one way to read the reader's own images.

    Attributes
    ----------
    load
        ``(**options) -> Dataset`` of images (see `distoolkit.schema`). Its keyword parameters, with their
        defaults, are the options that `distoolkit.load` and the command line offer.
    embedded
        True when it needs no file: rendered, or shipped inside a dependency.
    licence, notes
        What a reader must know before using it; notes are known traps.
    factors
        The true factors and how many values each has, if they are known before loading.
    url, files
        Where it is described, and the files that it is read from.
    memory
        The most memory that loading it takes, in words, and whether that was measured or derived.
    """

    name: str
    summary: str
    load: Ref
    paper: Paper | None = None
    embedded: bool = False
    licence: str = "unknown"
    notes: tuple[str, ...] = ()
    factors: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    url: str = ""
    files: tuple[DataFile, ...] = ()
    memory: str = ""
    api: int = API


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One picture of a dashboard or report.

    Attributes
    ----------
    build
        ``(data: Mapping[str, Dataset]) -> HoloViews element or Panel object``. ``data`` holds the Datasets of
        one run by kind: ``"latents"``, ``"images"``, ``"scores"``, ``"traversal"``, ``"history"``.
    needs
        The kinds without which the picture cannot be drawn; it is then left out and the reader is told why.
    """

    name: str
    summary: str
    build: Ref
    needs: frozenset[str] = frozenset({"latents"})
    api: int = API


Record: TypeAlias = Method[Any] | Metric | DataSource | Panel


@runtime_checkable
class Encodes(Protocol):
    """The one capability that every model has."""

    def encode(self, image: torch.Tensor) -> torch.Tensor:
        """Map images (batch, channel, y, x) in [0, 1] to flat codes (batch, latent)."""


@runtime_checkable
class Decodes(Protocol):
    """A model that can draw. Without it there is no traversal, and the explorer says so.

    One that needs many passes for a picture, like a diffusion model, has an attribute ``draws_slowly = True``: `encode`
    then draws no reconstructions unless it is asked to. If its ``decode`` takes ``progress: bool`` too, it is told
    whether to show a bar over those passes.
    """

    def decode(self, code: torch.Tensor) -> torch.Tensor:
        """Map codes (batch, latent) to images (batch, channel, y, x) in [0, 1]."""


@runtime_checkable
class HasPosterior(Protocol):
    """A model whose encoder is probabilistic; ``encode`` then gives the mean."""

    def posterior(self, image: torch.Tensor) -> torch.distributions.Distribution:
        """Return q(z|x) with batch shape (batch,) or (batch, latent)."""


class Trainer(Protocol):
    """The mathematics of a method, in the order of its paper's algorithm box."""

    def __call__(self, model: Any, loop: Any, config: Any) -> Iterator[Report]:
        """Yield one report (name -> scalar) for every step."""


@dataclass(frozen=True)
class Unit:
    """One unit of a code: a name and how many entries of the flat code it owns.

    A model names its units by an attribute ``layout: tuple[Unit, ...]``; without one, each entry of the code
    is a unit of its own. DisDiff has N units of d entries; content and style are two units of different size.
    """

    name: str
    size: int = 1
