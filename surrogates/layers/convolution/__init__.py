"""Convolutions that pad by the boundary, and the norms and attention between them."""
