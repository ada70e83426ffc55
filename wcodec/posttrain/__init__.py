"""Quantizing trained networks without training: error feedback against the second moments of each layer's inputs."""
