"""Files -> weights: decode, stream, safe_open, verify, fetch. Part of the edge: numpy and msgpack alone."""
