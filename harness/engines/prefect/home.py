"""Where Prefect is at home: in a folder of its own, and at none of the person's servers.

Prefect reads its settings from `PREFECT_*` variables, from a profile in the person's home, and from files in the
working folder. The variables are stronger than the rest, so everything that says where Prefect keeps or sends things is
set there; what says how tasks and flows behave by default stays as the person set it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import Any

_BEHAVIOUR = ("PREFECT_TASK_", "PREFECT_TASKS_", "PREFECT_FLOW_", "PREFECT_FLOWS_", "PREFECT_RESULTS_")
_PLACES = ("_STORAGE_BLOCK", "_STORAGE_PATH")
_ACCESS = ("PREFECT_API_", "PREFECT_CLIENT_")

_QUIET = {
    "DO_NOT_TRACK": "1",
    "PREFECT_LOGGING_LEVEL": "ERROR",
    "PREFECT_LOGGING_TO_API_ENABLED": "false",
    "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "false",  # it would leave a server behind when its process is killed
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
}

_SERVER = {
    "PREFECT_API_BLOCKS_REGISTER_ON_START": "false",  # the template has them
    "PREFECT_API_DATABASE_MIGRATE_ON_START": "false",  # the template is migrated
    "PREFECT_SERVER_LOGGING_LEVEL": "ERROR",
    "PREFECT_SERVER_SERVICES_CANCELLATION_CLEANUP_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_FOREMAN_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_LATE_RUNS_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_SCHEDULER_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_TRIGGERS_ENABLED": "false",
    "PREFECT_SERVER_UI_ENABLED": "false",
}
"""Services for deployments, workers, automations and people, switched off: none of them takes part in a run."""

_OURS: dict[str, Any] = {
    "api.key": None,
    "api.auth_string": None,
    "client.csrf_support_enabled": False,
    "client.server_version_check_enabled": False,
}
"""What our own server needs none of: keys, and questions that a client asks each server first."""


CERTIFICATE = "one-certificate.pem"
"""Each client loads the certificates of the world, which takes it longer than to ask; our server has none."""


def of_run(folder: Path, results: Path, api_url: str, *, ours: bool) -> dict[str, Any]:
    """Prefect's settings in a process of a run: it writes under `folder` and `results`, and talks to `api_url`."""
    return {
        "home": folder,
        "profiles_path": folder / "profiles.toml",
        "api.url": api_url,
        "results.local_storage_path": results,
        **({**_OURS, "api.ssl_cert_file": str(folder / CERTIFICATE)} if ours else {}),
    }


def of_zygote(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment in which a process without a run imports Prefect.

    Its home cannot be written, and exists, because Prefect makes one that is missing. Keys to a person's own server are
    kept for `of_run` to decide on.
    """
    nowhere = _home(Path(os.devnull))
    return {**_kept(environ, _ACCESS), **nowhere, **_QUIET}


def of_server(environ: Mapping[str, str], folder: Path, database: Path) -> dict[str, str]:
    """The environment of a session's server."""
    url = f"sqlite+aiosqlite:///{database}"
    return {**_kept(environ), **_home(folder), **_QUIET, **_SERVER, "PREFECT_API_DATABASE_CONNECTION_URL": url}


def spelled(settings: Mapping[str, Any]) -> dict[str, str | None]:
    """Settings as variables, for processes that the subject starts itself: `api.url` is `PREFECT_API_URL`."""
    return {
        f"PREFECT_{name.replace('.', '_').upper()}": None if value is None else str(value)
        for name, value in settings.items()
    }


def replace(environ: MutableMapping[str, str], variables: Mapping[str, str | None]) -> None:
    """Make an environment hold just these Prefect variables, besides all others that it has."""
    gone = [name for name in environ if name.startswith("PREFECT_") and name not in variables]
    gone += [name for name, value in variables.items() if value is None and name in environ]
    for name in gone:
        del environ[name]
    environ.update({name: value for name, value in variables.items() if value is not None})


def _home(folder: Path) -> dict[str, str]:
    return {"PREFECT_HOME": str(folder), "PREFECT_PROFILES_PATH": str(folder / "profiles.toml")}


def _kept(environ: Mapping[str, str], also: tuple[str, ...] = ()) -> dict[str, str]:
    """An environment without the person's Prefect, but with how it behaves by default."""

    def keep(name: str) -> bool:
        behaviour = name.startswith(_BEHAVIOUR) and not name.endswith(_PLACES)
        place = name.startswith("PREFECT_API_DATABASE") or name == "PREFECT_API_URL"
        return not name.startswith("PREFECT_") or behaviour or (bool(also) and name.startswith(also) and not place)

    return {name: value for name, value in environ.items() if keep(name)}
