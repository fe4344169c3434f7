"""One certificate instead of all of the machine's, for a process that makes HTTP clients and connects to nobody.

A client loads every certificate of the machine when it is made. That takes longer than asking it about its retries, and
several libraries make clients when they are imported.
"""

from __future__ import annotations

import importlib.util
import re
import ssl
from collections.abc import Iterable, Iterator, MutableMapping
from contextlib import suppress
from pathlib import Path

FILE = "SSL_CERT_FILE"
"""The variable that OpenSSL and HTTP clients follow to a file of certificates."""
BEGINNING = 1 << 16
"""Bytes of such a file in which its first certificate is looked for."""

_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----[\sA-Za-z0-9+/=]+-----END CERTIFICATE-----\n")


def trust_one(environ: MutableMapping[str, str], folder: Path) -> None:
    """Have clients load one certificate, the first of those that they would load; its file is made in `folder`.

    A file that the person named and that has none stays named: clients are to fail over it as they would anyway.
    Nothing is changed if no file can be made.
    """
    files: Iterable[Path] = [Path(environ[FILE])] if environ.get(FILE) else _usual()
    certificate = next(filter(None, map(_first, files)), b"")
    one = folder / "one-certificate.pem"
    with suppress(OSError):
        if certificate and one.write_bytes(certificate):
            environ[FILE] = str(one)


def _usual() -> Iterator[Path]:
    """The files of certificates that clients find by themselves."""
    if found := ssl.get_default_verify_paths().cafile:
        yield Path(found)
    spec = importlib.util.find_spec("certifi")
    if spec is not None and spec.origin is not None:
        yield Path(spec.origin).with_name("cacert.pem")


def _first(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            found = _CERTIFICATE.search(opened.read(BEGINNING))
    except OSError:
        return b""
    return found.group() if found else b""
