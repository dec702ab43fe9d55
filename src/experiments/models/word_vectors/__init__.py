"""Word vectors: skip-gram and CBOW (Mikolov et al., 2013), by hand in NumPy and in torch."""
