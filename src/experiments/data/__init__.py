"""Datasets: each yields windows of integer symbols. Nothing here knows torch."""
