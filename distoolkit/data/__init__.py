"""Data sets, and the doors for the reader's own images."""
