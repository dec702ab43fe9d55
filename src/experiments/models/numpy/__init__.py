"""The recurrent network in NumPy, with backpropagation through time by hand."""
