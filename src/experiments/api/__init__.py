"""The verbs of the command line for Python and notebooks: run, load, runs, compare."""
