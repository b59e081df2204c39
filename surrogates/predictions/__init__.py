"""What a network's output means: a state, an increment, a time derivative."""
