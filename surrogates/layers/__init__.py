"""Layers that networks are made of, in three families: Fourier layers, convolutions, messages between neighbours."""
