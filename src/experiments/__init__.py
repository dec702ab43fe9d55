"""Config-driven experiments with recurrent networks."""
