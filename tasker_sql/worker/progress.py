"""How far a handler has got: the last checkpoint of its step, and how the next one is saved."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from tasker_sql.errors import StaleClaimError, TaskerError, UnavailableError
from tasker_sql.jsonb import JsonText, decode, encode
from tasker_sql.rows import ClaimedStep
from tasker_sql.threads import Cancellation

if TYPE_CHECKING:  # who writes handlers needs no driver yet
    from tasker_sql.circuit import CircuitBreaker
    from tasker_sql.client import Client, Connection
    from tasker_sql.pool import Pool

T = TypeVar("T")

LONGEST_WAIT: Final = 1.0  # seconds between two looks whether there is a database


class Database(Protocol):
    """Over which connections a handler saves."""

    @property
    def pool(self) -> Pool: ...

    @property
    def breaker(self) -> CircuitBreaker: ...


class Progress:
    """Of a step that is in no database, such as `make_step` makes: it is only remembered."""

    def __init__(self, state: Any = None) -> None:
        self._state = state

    @property
    def state(self) -> Any:
        return self._state

    def save(self, state: Any, connection: Any) -> None:  # noqa: ARG002
        self._state = decode(encode(state))

    def connect(self) -> AbstractContextManager[Any]:
        raise RuntimeError("this step is in no database, so it has no connection")


@dataclass(frozen=True, slots=True)
class _Unsettled:
    """A checkpoint that was saved in a transaction of the handler's."""

    number: int
    state: Any
    transaction: str
    connection: Connection


class SavedProgress(Progress):
    """Of a claimed step. `count_late` counts what came too late."""

    def __init__(
        self,
        step: ClaimedStep,
        database: Database,
        cancelled: Cancellation,
        count_late: Callable[[Client], object],
    ) -> None:
        super().__init__(step.checkpoint)
        self._step = step
        self._database = database
        self._cancelled = cancelled
        self._count_late = count_late
        self._number: int = step.checkpoint_number or 0
        self._unsettled: _Unsettled | None = None

    @property
    def state(self) -> Any:
        """The last one; the database knows whether a transaction of the handler's kept it."""
        self._look()
        return self._unsettled.state if self._unsettled else self._state

    def save(self, state: Any, connection: Any) -> None:
        text = encode(state)
        try:
            if connection is None:
                self._save_alone(text)
            else:
                from tasker_sql.client import Client

                self._save_within(Client(connection), text)
        except StaleClaimError:
            self._cancelled.set()
            with suppress(TaskerError, UnavailableError):  # it is lost, counted or not
                self._database.pool.call(self._count_late, self._database.breaker)
            raise

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """A connection of the worker's, in autocommit mode."""
        pool, breaker = self._database.pool, self._database.breaker
        with ExitStack() as stack:
            client = self._until_there_is_one(lambda: stack.enter_context(pool.connection(breaker)))
            stack.enter_context(client.read_timeout(None))
            yield stack.enter_context(client.connection())

    def _save_alone(self, text: JsonText) -> None:
        self._look()
        if self._unsettled:
            raise RuntimeError(
                "a transaction of this handler has saved a checkpoint and is still open: pass its "
                "connection, or commit first"
            )
        self._number = self._call(lambda client: self._saved(client, text, repeat=True))
        self._state = decode(text)

    def _save_within(self, client: Client, text: JsonText) -> None:
        with client.connection() as connection:
            if before := self._unsettled:
                # Its answer was lost with the connection: then the handler writes the same again,
                # and the database says whether it did before.
                lost = before.connection.broken
                self._settle("unknown" if lost else client.transaction_status(before.transaction))
            number = self._saved(client, text, repeat=False)
            transaction = client.transaction_number()
            self._unsettled = _Unsettled(number, decode(text), transaction, connection)

    def _saved(self, client: Client, text: JsonText, *, repeat: bool) -> int:
        """Its number. A repeated call does not save twice."""
        after = self._unsettled.number if self._unsettled else self._number
        step = self._step
        saved = client.checkpoint_step(step.step_uuid, step.token, text, after, repeat=repeat)
        return saved.number

    def _look(self) -> None:
        if one := self._unsettled:
            self._settle(self._call(lambda client: client.transaction_status(one.transaction)))

    def _settle(self, status: str | None) -> None:
        """What happened to the transaction that has saved the last checkpoint."""
        if self._unsettled and status != "in progress":
            if status == "committed":
                self._number, self._state = self._unsettled.number, self._unsettled.state
            self._unsettled = None

    def _call(self, work: Callable[[Client], T]) -> T:
        database = self._database
        return self._until_there_is_one(lambda: database.pool.call(work, database.breaker))

    def _until_there_is_one(self, work: Callable[[], T]) -> T:
        """Try again until the database answers, or nobody waits for the handler any more."""
        while True:
            try:
                return work()
            except UnavailableError as error:
                if self._cancelled.wait(min(max(error.retry_in, 0.01), LONGEST_WAIT)):
                    raise
