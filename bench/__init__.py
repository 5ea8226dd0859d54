"""Speeds and sizes, measured as ratios in one process on the same work: ``make bench``."""
