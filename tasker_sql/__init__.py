"""Workflow orchestration where PostgreSQL is the orchestrator.

What most programs need, each imported from its module when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tasker_sql.async_client import AsyncClient
    from tasker_sql.client import Client
    from tasker_sql.errors import PermanentError, RetryableError, TaskFailed
    from tasker_sql.ops.orchestrator import OrchestrationCore
    from tasker_sql.worker.handlers import Step, handler
    from tasker_sql.worker.worker import Worker
    from tasker_sql.workflows.decorators import step, workflow

__version__ = "0.1.0"

__all__ = [
    "AsyncClient",
    "Client",
    "OrchestrationCore",
    "PermanentError",
    "RetryableError",
    "Step",
    "TaskFailed",
    "Worker",
    "__version__",
    "handler",
    "step",
    "workflow",
]

_MODULES = {
    "AsyncClient": "async_client",
    "Client": "client",
    "OrchestrationCore": "ops.orchestrator",
    "PermanentError": "errors",
    "RetryableError": "errors",
    "Step": "worker.handlers",
    "TaskFailed": "errors",
    "Worker": "worker.worker",
    "handler": "worker.handlers",
    "step": "workflows.decorators",
    "workflow": "workflows.decorators",
}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(import_module(f"tasker_sql.{_MODULES[name]}"), name)
    raise AttributeError(f"module 'tasker_sql' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
