"""The number of the error of messages (registry.md); those of wrong bases are the reference decoder's."""

MESSAGE = 16
