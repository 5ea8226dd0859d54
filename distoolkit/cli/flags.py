"""Flags made from what is installed: one for each setting of a method, one for each option of a data set."""

from __future__ import annotations

import ast
import typing
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from distoolkit.contract import ConfigError, DataError

if TYPE_CHECKING:
    import xarray as xr

    from distoolkit.config import Setting
    from distoolkit.contract import Method
    from distoolkit.data.options import Option
    from distoolkit.runs import Run

F = Callable[..., Any]
_PREFIX = "option_"  # of the parameters that hold the options of the data set


class Numbers(click.ParamType):  # type: ignore[type-arg]  # generic in new versions of click only
    """Whole numbers with commas between them: ``32,64`` gives ``(32, 64)``; an empty string gives ``()``."""

    name = "n,n,..."

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        """Parse the text of one flag."""
        if isinstance(value, tuple):
            return value
        try:
            return tuple(int(part) for part in str(value).strip("()[] ").split(",") if part.strip())
        except ValueError:
            self.fail(f"{value!r} is not a list of whole numbers such as 32,64", param, ctx)


class Value(click.ParamType):  # type: ignore[type-arg]  # generic in new versions of click only
    """A number, a list, yes, no or none where the text is one, and text otherwise."""

    name = "value"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Parse the text of one flag."""
        return literal(value) if isinstance(value, str) else value


class DataCommand(click.Command):
    """A command that takes ``--data NAME`` and, once it is given, a flag for each option of that data set.

    An option whose name the command uses for something else is still reached by ``--data-option``.
    """

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Give the command's own flags and those of the data set."""
        params = super().get_params(ctx)
        taken = {flag for param in params for flag in (*param.opts, *param.secondary_opts)}
        extra = [o for o in ctx.meta.get("data_options", []) if not taken & set(o.opts)]
        return [*params[:-1], *extra, params[-1]]  # --help stays the last

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Look for the name of the data set before anything is parsed."""
        name = _peek(args, "--data")
        if name is not None:
            ctx.meta["data_options"] = _data_flags(name)
        return super().parse_args(ctx, args)


def images_flags(function: F) -> F:
    """Add the flags that say which images to load: for a function with ``data``, ``data_option`` and ``**options``."""
    data = click.option(
        "--data",
        metavar="NAME",
        help="Data set (`distoolkit datasets` lists them); its options are then flags too, such as --size 32. "
        "[of a run: the one that it was fitted on]",
    )
    pairs = click.option(
        "--data-option",
        "-D",
        multiple=True,
        metavar="KEY=VALUE",
        help="The same, for an option whose name is taken by another flag; may be repeated.",
    )
    return data(pairs(function))


def device_flag(function: F) -> F:
    """Add ``--device``."""
    return click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, mps, ...")(
        function
    )


def config_flags(method: Method[Any]) -> list[click.Option]:
    """Make one flag for each setting of the method's config; one that is not given has the value None."""
    from distoolkit.config import settings

    return [_config_flag(setting) for setting in settings(method.config)]


def given_images(data: str | None, pairs: Sequence[str], options: dict[str, Any]) -> xr.Dataset | None:
    """Load the images that the flags name, if they name any."""
    return None if data is None else load_images(data, pairs, options)


def load_images(data: str, pairs: Sequence[str], options: dict[str, Any]) -> xr.Dataset:
    """Load the images that the flags name."""
    from distoolkit.data import load

    flags = {name.removeprefix(_PREFIX): value for name, value in options.items() if value is not None}
    return load(data, **flags | pairs_to_options(pairs))


def images_of(run: Run, data: str | None, pairs: Sequence[str], options: dict[str, Any]) -> xr.Dataset:
    """Load the images that the flags name, or those that the run was fitted on.

    Raises
    ------
    DataError
        The run's images did not come from a data set.
    """
    from distoolkit import registry
    from distoolkit.data import load

    if data is not None:
        return load_images(data, pairs, options)
    name = run.record["data"]
    if name not in registry.datasets():
        raise DataError(
            f"{run.folder} was fitted on images called {name!r}, which is no data set: say which, by --data"
        )
    images = load(name, **(run.record.get("data_options") or {}) | pairs_to_options(pairs))
    if not pairs and images.attrs["data_hash"] != run.record["data_hash"]:
        click.echo(f"warning: {name} is no longer what {run.folder} was fitted on (another data hash)", err=True)
    return images


def pairs_to_options(pairs: Sequence[str]) -> dict[str, Any]:
    """Read ``KEY=VALUE`` pairs.

    Raises
    ------
    ConfigError
        A pair without an equals sign, or a key given twice.
    """
    options: dict[str, Any] = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        key = key.strip().replace("-", "_")
        if not (equals and key.isidentifier()):
            raise ConfigError(f"--data-option {pair!r} is not KEY=VALUE, such as size=32")
        if key in options:
            raise ConfigError(f"--data-option {key} is given twice: {options[key]!r} and {text!r}")
        options[key] = literal(text)
    return options


def literal(text: str) -> Any:
    """Read a number, a list, yes, no or none; anything else is text."""
    words = {"true": True, "yes": True, "false": False, "no": False, "none": None}
    if text.strip().lower() in words:
        return words[text.strip().lower()]
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def _config_flag(setting: Setting) -> click.Option:
    flag = setting.name.replace("_", "-")
    help = f"{setting.help} [{_default(setting)}{_range(setting)}]"
    if setting.kind is bool:
        return click.Option([f"--{flag}/--no-{flag}", setting.name], default=None, help=help)
    types: dict[type, Any] = {int: click.INT, float: click.FLOAT, str: click.STRING, tuple: Numbers()}
    kind = click.Choice(setting.choices) if setting.choices else types[setting.kind]
    metavar = f"[{'|'.join(setting.choices)}]" if setting.choices else None
    return click.Option([f"--{flag}", setting.name], type=kind, default=None, help=help, metavar=metavar)


def _default(setting: Setting) -> str:
    if setting.kind is tuple:
        return ",".join(map(str, setting.default))
    if setting.kind is bool:
        return "yes" if setting.default else "no"
    return str(setting.default)


def _range(setting: Setting) -> str:
    return "" if setting.low is None else f"; {setting.low:,.10g} to {setting.high:,.10g}"


def _data_flags(name: str) -> list[click.Option]:
    from distoolkit import registry
    from distoolkit.data.options import options_of

    options = options_of(registry.find("datasets", name)).values()
    return [_data_flag(name, option) for option in options if option.name != "progress"]  # a shell always shows it


def _data_flag(data: str, option: Option) -> click.Option:
    from distoolkit.data.options import REQUIRED

    flag = option.name.replace("_", "-")
    if option.hint is bool:
        help = f"Of {data} [{'yes' if option.default else 'no'}]"
        return click.Option([f"--{flag}/--no-{flag}", _PREFIX + option.name], default=None, help=help)
    default = "required" if option.default is REQUIRED else str(option.default).lower()
    return click.Option(
        [f"--{flag}", _PREFIX + option.name],
        type=_data_type(option),
        default=None,
        help=f"Of {data}: {option.allowed} [{default}]",
    )


def _data_type(option: Option) -> Any:
    if option.choices and all(isinstance(choice, str) for choice in option.choices):
        return click.Choice(option.choices)
    text = str in (option.hint, *typing.get_args(option.hint))  # a folder may be called 2024
    return click.STRING if text else Value()


def _peek(args: Sequence[str], flag: str) -> str | None:
    for position, arg in enumerate(args):
        if arg.startswith(flag + "="):
            return arg.partition("=")[2]
        if arg == flag and position + 1 < len(args):
            return args[position + 1]
    return None
