"""How a rollout is judged."""
