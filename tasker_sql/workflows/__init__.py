"""Workflows written as functions, `step` and `workflow`: templates, which PostgreSQL runs."""
