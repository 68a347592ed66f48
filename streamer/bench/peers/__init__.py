"""Loops a user would write instead; each runs under an interpreter of its own."""
