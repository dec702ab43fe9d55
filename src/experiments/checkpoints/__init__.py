"""Checkpoints: files of weights, starting from them, resuming from them."""
