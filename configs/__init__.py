"""Presets: each file is a short delta from the defaults."""
