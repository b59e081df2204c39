"""What surrogates are compared with."""
