"""A Prefect server's own account, asked over HTTP: the harness itself imports no Prefect."""

from __future__ import annotations

import base64
import http.client
import json
import os
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from typing import Any

from harness.engines.prefect import versions
from harness.errors import EngineUnavailable

SECONDS = 10.0
PATIENCE = 5.0  # seconds that a server may be silent which was there before
LOOK = 0.1  # seconds between two attempts meanwhile
PAGE = 200  # the most that a server gives at once
TAG = "harness"
"""On every flow run that we make: on a person's own server they can be found, and deleted, by it."""


class Api:
    """One server, at its API's address (`http://127.0.0.1:4200/api`). Keys come from Prefect's usual variables."""

    def __init__(self, url: str, environ: Mapping[str, str] = os.environ) -> None:
        self.url = url.rstrip("/")
        self._headers = {"Content-Type": "application/json", **_authorization(environ)}

    def version(self) -> str:
        """The server's version. Raises `EngineUnavailable` if nobody is there, or somebody who is no Prefect server."""
        try:
            said = self._ask("GET", "/admin/version")
        except urllib.error.HTTPError as error:
            raise EngineUnavailable(f"{self.url} is no Prefect API that lets us in: {_refusal(error)}") from error
        except (http.client.HTTPException, ValueError) as error:
            raise EngineUnavailable(
                f"{self.url} speaks another protocol than a Prefect server's; {_EXAMPLE}"
            ) from error
        except OSError as error:
            raise EngineUnavailable(f"no Prefect server answers at {self.url}: {_said(error)}; {_EXAMPLE}") from error
        if not isinstance(said, str) or not versions.numbers(said):
            raise EngineUnavailable(f"{self.url} answers, but not as a Prefect server does; {_EXAMPLE}")
        return said

    def flow_runs(self, names: list[str]) -> list[dict[str, Any]]:
        """The flow runs of these names, oldest first."""
        return list(self._all("/flow_runs/filter", {"flow_runs": {"name": {"any_": names}}}))

    def task_runs(self, flow_run: str) -> list[dict[str, Any]]:
        """The task runs of one flow run, oldest first. The server hears of them late."""
        return list(self._all("/task_runs/filter", {"flow_runs": {"id": {"any_": [flow_run]}}}))

    def _all(self, path: str, query: dict[str, Any]) -> Iterator[dict[str, Any]]:
        offset = 0
        while True:
            page = {**query, "sort": "EXPECTED_START_TIME_ASC", "limit": PAGE, "offset": offset}
            if path.startswith("/flow_runs"):
                page["sort"] = "START_TIME_ASC"
            rows = self._read(path, page)
            yield from rows
            if len(rows) < PAGE:
                return
            offset += PAGE

    def _read(self, path: str, query: dict[str, Any]) -> list[dict[str, Any]]:
        """Rows of a server that may be coming back at this moment. Raises `EngineUnavailable` if it does not."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                rows: list[dict[str, Any]] = self._ask("POST", path, query)
                return rows
            except urllib.error.HTTPError as error:
                raise EngineUnavailable(f"{self.url} tells nothing of its runs: {_refusal(error)}") from error
            except (http.client.HTTPException, OSError) as error:
                if time.monotonic() >= deadline:
                    raise EngineUnavailable(f"{self.url} has stopped answering: {_said(error)}") from error
            time.sleep(LOOK)

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, self._headers, method=method)  # noqa: S310
        with _DIRECT.open(request, timeout=SECONDS) as response:
            return json.load(response)


_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
_EXAMPLE = "give the address of its API, such as http://127.0.0.1:4200/api"


def mistakes(url: str) -> list[str]:
    """What is wrong with an address as it is written, in one sentence."""
    from harness.scenario import masked

    shown = masked(url)
    if shown != url:
        return [f"api_url {shown!r} holds a login; leave it out, and set PREFECT_API_AUTH_STRING (user:password)"]
    if not _is_http(url):
        return [f"api_url {url!r} is no http address; {_EXAMPLE}"]
    return []


def problems(url: str) -> list[str]:
    """What keeps the server at `url` from being used, in one sentence."""
    try:
        found = Api(url).version()
    except EngineUnavailable as error:
        return [str(error)]
    if versions.too_old(found) or versions.numbers(found)[:1] != versions.OLDEST[:1]:
        oldest, major = versions.oldest(), versions.OLDEST[0]
        return [f"the server at {url} is Prefect {found}; supported are {oldest} and later versions of Prefect {major}"]
    return []


def _is_http(url: str) -> bool:
    try:
        parts = urllib.parse.urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number, a bracket that is not closed
        return False


def _authorization(environ: Mapping[str, str]) -> dict[str, str]:
    if key := environ.get("PREFECT_API_KEY"):
        return {"Authorization": f"Bearer {key}"}
    if secret := environ.get("PREFECT_API_AUTH_STRING"):
        return {"Authorization": f"Basic {base64.b64encode(secret.encode()).decode()}"}
    return {}


def _refusal(error: urllib.error.HTTPError) -> str:
    if error.code in (401, 403):
        return f"it answers {error.code}; set PREFECT_API_AUTH_STRING or PREFECT_API_KEY"
    if error.code >= 500:
        return f"it answers {error.code}, perhaps because it is starting or migrating: try again when it is ready"
    return f"it answers {error.code} to {error.url}; {_EXAMPLE}"


def _said(error: Exception) -> str:
    reason = getattr(error, "reason", error)
    return str(getattr(reason, "strerror", None) or reason).lower()
