"""A simulated Cloud Controller: a real HTTP server whose truth is known."""
