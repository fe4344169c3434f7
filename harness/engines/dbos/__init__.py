"""DBOS: a workflow's steps recorded in SQLite or PostgreSQL, recovered when a process of its executor starts again."""
