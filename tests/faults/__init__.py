"""Processes killed at random moments, compared with ones that were left alone."""
