"""Networks that cannot live in this program's environment; each runs under an interpreter of its own."""
