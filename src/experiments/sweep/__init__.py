"""Sweeps: a plan that is checked first, jobs that know their sweep, a parent run that tells the whole."""
