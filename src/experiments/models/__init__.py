"""Models: torch modules with three verbs, in NumPy and in torch."""
