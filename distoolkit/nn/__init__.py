"""Encoders, decoders and loss terms that several methods share."""
