"""Runners: what can be done with an experiment. Each has one verb, run(experiment) -> float | None."""
