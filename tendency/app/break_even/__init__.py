"""Whether surrogates pay: every setting of the solver that they replace, timed on the same hardware."""
