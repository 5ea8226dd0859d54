"""Live controls in a notebook: stock ipywidgets, thin."""
