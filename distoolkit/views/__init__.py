"""Pictures: each view takes a Dataset and returns a HoloViews element."""
