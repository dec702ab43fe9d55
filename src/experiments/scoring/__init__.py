"""Texts scored by a model: the probability of every token, or of every class, in forms for people and programs."""
