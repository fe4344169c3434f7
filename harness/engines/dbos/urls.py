"""PostgreSQL URLs: the same server and another database, with the password where it is needed and nowhere else."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

_HOST = r"(\[[^\]@]*\]|[^:@,\[\]]*)(:\d*)?"
SCHEMES = ("postgresql", "postgres", "postgresql+psycopg")


def is_postgres(text: Any) -> bool:
    """Whether this is the URL of a PostgreSQL database."""
    return isinstance(text, str) and "://" in text and text.partition("://")[0] in SCHEMES


def plain(url: str) -> str:
    """The URL as every driver reads it."""
    return f"postgresql://{url.partition('://')[2]}"


def with_database(url: str, database: str) -> str:
    """The URL of another database on the same server."""
    return _joined(urlsplit(plain(url))._replace(path=f"/{database}"))


def without_password(url: str) -> str:
    """The URL as it may be written down and shown."""
    from harness.scenario import masked

    parts = urlsplit(masked(plain(url)))  # what is left of it has an end that can be seen
    user, _, place = parts.netloc.rpartition("@")
    user = user.partition(":")[0]
    query = "&".join(part for part in parts.query.split("&") if not part.startswith("password="))
    return _joined(parts._replace(netloc=f"{user}@{place}" if user else place, query=query))


def is_ambiguous(url: str) -> bool:
    """Whether drivers would take a part of the password for the host, because it holds what ends it in a URL."""
    try:
        parts = urlsplit(plain(url))
    except ValueError:  # a bracket that is not closed: no address of version 6 either
        return True
    place = parts.netloc.partition("@")[2] if "@" in parts.netloc else parts.netloc
    return "@" in parts.path or re.fullmatch(f"{_HOST}(,{_HOST})*", place) is None


def scrubbed(text: str, url: str) -> str:
    """Somebody else's words about a URL, without its password in any spelling."""
    from harness.scenario import MASK

    parts = urlsplit(plain(url))
    asked = re.findall(r"(?:^|&)password=([^&]+)", parts.query)
    for secret in filter(None, (parts.password, *asked)):
        for spelling in (secret, unquote(secret)):
            text = text.replace(spelling, MASK)
    return text


def with_login_of(url: str, given: str) -> str:
    """A URL that was written down, with the user and password of the one that the person gave."""
    parts, login = urlsplit(plain(url)), urlsplit(plain(given))
    return _joined(parts._replace(netloc=login.netloc, query=login.query))


def _joined(parts: SplitResult) -> str:
    # By hand: `urlunsplit` leaves out the `//` of a URL without a host, which means a Unix socket here.
    return f"{parts.scheme}://{parts.netloc}{parts.path}" + (f"?{parts.query}" if parts.query else "")
