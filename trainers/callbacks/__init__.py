"""What happens beside the optimisation."""
