"""Sweeps: jobs that are checked before any starts, a scheduler that runs them, a parent run that compares them."""
