"""Spectral convolutions and what they are told."""
