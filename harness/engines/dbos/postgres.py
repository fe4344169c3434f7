"""Runs on PostgreSQL: each has a database of its own, cloned from one that was migrated once per session.

Nothing else on the server is touched: our databases have names of a certain form *and* a comment that says whose they
are, and the database that the URL names is only the door. A session holds an advisory lock there, so the databases of
one that was killed can be told from those of one at work.
"""

from __future__ import annotations

import itertools
import secrets
from pathlib import Path
from typing import Any
from typing import Literal as TypedLiteral

import psycopg
from psycopg.sql import SQL, Identifier, Literal

from harness.engines.dbos.migration import Migration
from harness.engines.dbos.stores import no_server
from harness.engines.dbos.urls import plain, scrubbed, with_database, without_password
from harness.errors import EngineUnavailable

PREFIX = "durable_harness_"
MARK = "made by durable-harness, which drops it"
OURS = (
    "select datname from pg_database where datname ~ {} and shobj_description(oid, 'pg_database') = {} order by datname"
)
OLDEST = 130000
CONNECT_SECONDS = 10


class PostgresStores:
    """The databases of one session on one server. Raises `EngineUnavailable` in one sentence if it cannot be used."""

    schema = "dbos."

    def __init__(self, url: str) -> None:
        self._url = plain(url)
        self._name = f"{PREFIX}{secrets.token_hex(4)}"
        self._numbers = itertools.count(1)
        self._door = knock(url)
        try:
            self._do("select pg_advisory_lock(hashtext({}))", Literal(self._name))
            self._drop_orphans()
            self._template = f"{self._name}_template"
            self._create(self._template)
        except psycopg.Error as error:
            self._door.close()
            raise _unusable(self._url, error) from None
        self._migration = Migration(with_database(self._url, self._template))

    def new(self, run_id: str, folder: Path) -> dict[str, Any]:
        """A migrated database for one run. What is written down about it holds no password."""
        self._migration.wait()
        name = f"{self._name}_{next(self._numbers)}"
        try:
            self._create(name, self._template)
        except psycopg.Error as error:
            raise _unusable(self._url, error) from None
        return {"url": without_password(with_database(self._url, name)), "database": name}

    def rows(self, values: dict[str, Any], query: str) -> list[tuple[Any, ...]]:
        """What a query finds in the database of one run."""
        with _connected(with_database(self._url, values["database"])) as connection:
            return connection.execute(query.encode()).fetchall()

    def release(self, values: dict[str, Any]) -> None:
        """Drop the database of a run that is over, and whoever still holds it."""
        self._do("drop database if exists {} with (force)", Identifier(values["database"]))

    def server(self, act: TypedLiteral["kill", "start"]) -> None:
        raise no_server("your PostgreSQL")

    def close(self) -> None:
        """Leave nothing of this session behind on the server."""
        self._migration.close()
        try:
            self._drop(self._name)
        finally:
            self._door.close()

    def abandon(self) -> None:
        """End what this process holds, and leave the server as it is."""
        self._migration.close()
        self._door.close()

    def reconnect(self) -> None:
        """Knock again, after the server was away."""
        self._door.close()
        self._door = _connected(self._url)
        self._do("select pg_advisory_lock(hashtext({}))", Literal(self._name))

    def _do(self, statement: str, *names: Identifier | Literal) -> list[tuple[Any, ...]]:
        cursor = self._door.execute(SQL(statement).format(*names))
        return cursor.fetchall() if cursor.description else []

    def _drop_orphans(self) -> None:
        """Drop the databases of sessions that were killed: nobody holds their lock."""
        for session in {name.rpartition("_")[0] for name in self._ours(f"{PREFIX}[0-9a-f]{{8}}")}:
            [(free,)] = self._do("select pg_try_advisory_lock(hashtext({}))", Literal(session))
            if free:
                self._drop(session)
                self._do("select pg_advisory_unlock(hashtext({}))", Literal(session))

    def _drop(self, session: str) -> None:
        for name in self._ours(session):
            self._do("drop database if exists {} with (force)", Identifier(name))

    def _ours(self, session: str) -> list[str]:
        """The databases of a session, given as a regular expression."""
        return [name for (name,) in self._do(OURS, Literal(f"^{session}_(template|[0-9]+)$"), Literal(MARK))]

    def _create(self, name: str, template: str = "template1") -> None:
        self._do("create database {} template {}", Identifier(name), Identifier(template))
        self._do("comment on database {} is {}", Identifier(name), Literal(MARK))


def knock(url: str) -> psycopg.Connection[tuple[Any, ...]]:
    """A connection to the server. Raises `EngineUnavailable` if it cannot be used, or is too old."""
    door = _connected(plain(url))
    if door.info.server_version < OLDEST:
        number = door.info.server_version // 10000
        door.close()
        raise EngineUnavailable(
            f"engine 'dbos' needs PostgreSQL {OLDEST // 10000}, and {without_password(url)} is {number}"
        )
    return door


def _connected(url: str) -> psycopg.Connection[tuple[Any, ...]]:
    try:
        return psycopg.connect(url, autocommit=True, connect_timeout=CONNECT_SECONDS)
    except psycopg.Error as error:
        raise _unusable(url, error, _ADVICE) from None


_ADVICE = "; see that PostgreSQL listens there, and write postgresql://USER:PASSWORD@HOST:PORT/DATABASE"


def _unusable(url: str, error: psycopg.Error, advice: str = "") -> EngineUnavailable:
    """In one sentence, without the password, whoever's words they are."""
    reason = scrubbed(_in_one_line(error), url) + advice
    if isinstance(error, psycopg.errors.InsufficientPrivilege):
        reason += "; grant it with `alter role ... createdb`"
    return EngineUnavailable(f"engine 'dbos' cannot use {without_password(url)}: {reason}")


def _in_one_line(error: psycopg.Error) -> str:
    """The server's own words, once: psycopg repeats them for every address that it tried, with advice below."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = [line for mark in ("FATAL:", "failed:") for line in lines if mark in line] or lines or [type(error).__name__]
    return told[0].rpartition("FATAL:")[2].rpartition("failed:")[2].strip()
