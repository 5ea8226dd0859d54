"""Scores of a latent Dataset."""
