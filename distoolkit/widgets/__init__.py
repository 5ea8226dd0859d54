"""Live controls in a notebook: stock ipywidgets, thin.

`config_form` shows a method's settings, `training_panel` trains with a pause and a stop button, `follow` watches
a run that another process trains, and `explore` moves a code by hand and shows the picture.
"""

from distoolkit.widgets.explorer import Explorer, explore
from distoolkit.widgets.follower import Follower, follow
from distoolkit.widgets.form import ConfigForm, config_form
from distoolkit.widgets.training_panel import TrainingPanel, training_panel

__all__ = ["ConfigForm", "Explorer", "Follower", "TrainingPanel", "config_form", "explore", "follow", "training_panel"]
