"""Comparing runs: what they recorded as a table, figures and a report."""
