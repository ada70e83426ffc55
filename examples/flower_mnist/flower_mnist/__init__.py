"""A Flower app whose messages are wcodec's: see client_app.py and server_app.py."""
