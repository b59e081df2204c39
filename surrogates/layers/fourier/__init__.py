"""Spectral convolutions, their weights and their conditions."""
