"""Puts a person before another background, live or in a video."""
