"""Checkpoint files: writing them, starting from their weights, resuming a run from them."""
