"""Models -> files: encode, and what chooses coders, steps and forms for it."""
