"""The application: the only place where all packages meet, and the only one that knows Hydra."""
