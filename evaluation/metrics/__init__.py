"""How far a rollout is from the truth."""
