"""Processes killed at random moments, compared with undisturbed ones."""
