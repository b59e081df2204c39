"""Many trainings on one page."""
