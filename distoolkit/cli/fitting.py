"""``distoolkit fit METHOD``: one command for each installed method, with its settings as flags."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from distoolkit.cli.flags import DataCommand, config_flags, device_flag, images_flags, images_of, load_images
from distoolkit.contract import ConfigError

if TYPE_CHECKING:
    from distoolkit.contract import Method
    from distoolkit.runs import Run
    from distoolkit.training import Session


class Methods(click.Group):
    """A group whose commands are the installed methods."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Say what is wrong when the flags come before the method."""
        if args and args[0].startswith("--") and args[0] != "--help":
            raise click.UsageError(f"the method comes first: distoolkit fit METHOD {' '.join(args)}", ctx)
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """List the installed methods."""
        from distoolkit import registry

        return list(registry.methods())

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Make the command of one method; an unknown name is refused with the nearest ones."""
        from distoolkit import registry

        if name.startswith("-") or (ctx.resilient_parsing and name not in registry.methods()):
            return None  # click words what is wrong with a flag in the method's place
        return _command(registry.find("methods", name))


@click.command(cls=Methods, subcommand_metavar="METHOD --data NAME [OPTIONS]")
def fit() -> None:
    """Fit a method to images.

    Every setting of METHOD is a flag: `distoolkit fit METHOD --help` lists them.

    Ctrl-C stops after the current step and keeps what was learnt; --resume goes on from there.
    """


@click.command(cls=DataCommand)
@images_flags
@click.option("--quick", is_flag=True, help="Start from the settings that train in seconds.")
@click.option("--seed", type=click.INT, help="Seed of everything that is random. [0]")
@device_flag
@click.option("--precision", help="32-true, bf16-mixed, 16-mixed, ... [32-true]")
@click.option("--compile", is_flag=True, help="Compile the model: slow to start, then faster.")
@click.option("--folder", type=click.Path(path_type=Path), help="Where the run is written. [runs/METHOD-DATA-SEED-N]")
@click.option("--resume", is_flag=True, help="Go on with the stopped run in --folder, with the settings it has.")
@click.option(
    "--checkpoint-every", type=click.INT, default=500, metavar="STEPS", help="A kill loses at most so much. [500]"
)
@click.option("--time-limit", type=click.FLOAT, metavar="SECONDS", help="Stop after so long; the run can be resumed.")
def _fit(
    method: Method[Any],
    data: str | None,
    data_option: tuple[str, ...],
    seed: int | None,
    precision: str | None,
    folder: Path | None,
    resume: bool,
    **rest: Any,
) -> None:
    from distoolkit import config as configs
    from distoolkit import training
    from distoolkit.runs import open_run

    known = [s.name for s in configs.settings(method.config)]
    config = {name: rest[name] for name in known if rest[name] is not None}
    how = {name: rest[name] for name in ("device", "quick", "compile", "checkpoint_every", "time_limit")}
    options = {name: value for name, value in rest.items() if name not in known and name not in how}
    if resume:
        if folder is None:
            raise ConfigError("--resume needs --folder: the folder of the run to go on with")
        old = open_run(folder, method)
        images = images_of(old, data, data_option, options)
        seed = old.seed if seed is None else seed
        precision = precision or old.record.get("precision")
    elif data is None:
        raise ConfigError("say which images to fit to: --data NAME (`distoolkit datasets` lists them)")
    else:
        images = load_images(data, data_option, options)
    how |= {"seed": seed or 0, "precision": precision or "32-true", "folder": folder, "resume": resume}
    train(training.start(method, images, **how, **config))


def train(session: Session, advise: bool = True) -> Run:
    """Take a session to its end with progress bars, and say what came of it; Ctrl-C ends the program with 130."""
    from distoolkit.training.foreground import bars, interruptible

    interrupts: list[int] = []
    try:
        with interruptible(session) as interrupts, bars(shown=True) as show:
            for progress in session:
                show(progress)
        run = session.finish()
    except KeyboardInterrupt:  # the second one, which did not wait for the step
        run = session.run
    click.echo(f"{run.status}: {run.folder}")
    if run.status == "finished" and advise:
        click.echo(f"next: distoolkit evaluate {run.folder}, then distoolkit report {run.folder}")
    elif run.status != "finished":
        click.echo(f"to go on: distoolkit fit {run.method.name} --resume --folder {run.folder}")
    if interrupts:
        raise SystemExit(130)
    return run


def _command(method: Method[Any]) -> click.Command:
    assert _fit.callback is not None
    return DataCommand(
        method.name,
        params=[*_fit.params, *config_flags(method)],
        callback=functools.partial(_fit.callback, method),
        help=f"{method.summary}\n\n{method.paper.title} ({method.paper.authors}, {method.paper.year})",
        short_help=method.summary,
        context_settings={"token_normalize_func": lambda token: token.replace("_", "-")},  # --lr_critic works too
    )
