"""One chunk, both ways: weights -> factors -> symbols -> payloads, and back. Every other part stands on this one."""
