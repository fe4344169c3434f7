"""Temporal: a real server, a real worker, and histories that a cold process can replay."""
