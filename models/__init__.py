"""The matte network: its layers, training, scoring and export. Knows nothing of the streaming program."""
