"""How a surrogate is fitted."""
