"""Baselines: simple methods that surrogates are compared with."""
