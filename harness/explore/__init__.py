"""Exploring: many runs of one subject, chosen to leave no crash point out."""
