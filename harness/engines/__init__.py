"""Engines: one adapter each. Nothing here imports an engine until it is used; see `base.py` for how to add one."""
