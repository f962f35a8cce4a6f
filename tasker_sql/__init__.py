"""Workflow orchestration where PostgreSQL is the orchestrator."""

__version__ = "0.1.0"
