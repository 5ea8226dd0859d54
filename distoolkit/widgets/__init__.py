"""Live controls in a notebook: stock ipywidgets, thin.

`config_form` shows a method's settings, `training_panel` trains with a pause and a stop button, `follow` watches
a run that another process trains, `explore` moves a code by hand and shows the picture, and `playground` makes a
code worse and shows which scores notice (`spoil` does the same without sliders). `LivePictures` is for plugins: rows of
pictures that are drawn anew while a session trains.
"""

from distoolkit.widgets.explorer import Explorer, explore
from distoolkit.widgets.follower import Follower, follow
from distoolkit.widgets.form import ConfigForm, config_form
from distoolkit.widgets.live import LivePictures
from distoolkit.widgets.play import Playground, playground
from distoolkit.widgets.spoiling import Damage, spoil
from distoolkit.widgets.training_panel import TrainingPanel, training_panel

__all__ = [
    "ConfigForm",
    "Damage",
    "Explorer",
    "Follower",
    "LivePictures",
    "Playground",
    "TrainingPanel",
    "config_form",
    "explore",
    "follow",
    "playground",
    "spoil",
    "training_panel",
]
