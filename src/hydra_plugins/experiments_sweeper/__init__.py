"""The sweeper of `experiments`. Hydra imports this package at every start, so it imports nothing that takes time."""
