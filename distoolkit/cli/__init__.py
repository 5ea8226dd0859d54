"""The toolkit's verbs in a shell: ``distoolkit methods``, ``fit``, ``encode``, ``evaluate``, ``report``, ...

Only click is imported here; every command imports what it needs when it runs, so that help and the lists
answer at once.
"""

from __future__ import annotations

import os
import warnings
from typing import Any

import click

from distoolkit import __version__
from distoolkit.cli import cards, demo, fitting, jupyter, listing, results, sharing
from distoolkit.contract import DistoolkitError


class Refused(click.ClickException):
    """An error that the toolkit raised on purpose, as one line and exit status 2."""

    exit_code = 2


class Root(click.Group):
    """The whole command line: errors of the toolkit become one line, unless ``--debug`` is given."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command and word its errors."""
        try:
            return super().invoke(ctx)
        except DistoolkitError as error:
            if ctx.params["debug"]:
                raise
            raise Refused("\n".join([str(error), *getattr(error, "__notes__", [])])) from error

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Keep the commands in the order of use, not of the alphabet."""
        return list(self.commands)


@click.group(cls=Root, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="distoolkit")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def cli(debug: bool) -> None:
    """See, measure and compare what unsupervised disentanglement finds in images.

    Start with `distoolkit demo`, or `distoolkit lab` for the first tutorial.
    """


for _command in (
    demo.demo,
    jupyter.lab,
    listing.methods,
    listing.datasets,
    listing.metrics,
    listing.plugins,
    fitting.fit,
    results.encode,
    results.evaluate,
    results.traverse,
    cards.card,
    sharing.report,
    sharing.dashboard,
):
    cli.add_command(_command)


def main() -> None:
    """Run the command line: the entry point of the ``distoolkit`` script."""
    warnings.formatwarning = _one_line
    # torch's threads would otherwise spin while they wait for each other: beside other work on the same cores,
    # training was measured at a fifteenth of its speed
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    cli()


def _one_line(message: Warning | str, *_: Any, **__: Any) -> str:
    """Word a warning for a shell: without the file and line that raised it."""
    return f"warning: {message}\n"
