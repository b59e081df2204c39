"""How a predicted time derivative is stepped: one family of schemes per file."""
