"""How a check tells what it found: every fault at once, in plain words."""

from __future__ import annotations

from collections.abc import Iterable

from distoolkit.contract import DistoolkitError


class ContractError(DistoolkitError, AssertionError):
    """A plugin's record breaks its promise; the message lists every fault that was found."""


def raise_all(what: str, faults: Iterable[str]) -> None:
    """Raise one `ContractError` with all faults, or return quietly when there are none."""
    found = list(dict.fromkeys(faults))  # in order, each once
    if found:
        raise ContractError(f"{what} breaks the contract ({len(found)}):\n" + "\n".join(f"  - {f}" for f in found))


def one_line(error: BaseException) -> str:
    """Return an exception as one readable line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:500]
