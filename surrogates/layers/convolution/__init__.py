"""Convolutions that follow the boundary, and what goes between them."""
