"""Learned physics: networks, what their output means, how it is integrated in time."""
