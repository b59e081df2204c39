"""Neural PDE surrogates that predict change."""
