"""Readers of published file formats and of a user's own arrays, one file for each."""
