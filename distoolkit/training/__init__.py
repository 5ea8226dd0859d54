"""Train a method: the method writes its mathematics, everything around it is here.

`fit` trains; `start` gives the `Session` behind it, which a notebook drives step by step. A method's trainer is a
generator that is given a `Loop` and yields one report a step.
"""

from distoolkit.training.fitting import fit, rehearse, start
from distoolkit.training.loop import Loop
from distoolkit.training.session import Progress, Session

__all__ = ["Loop", "Progress", "Session", "fit", "rehearse", "start"]
