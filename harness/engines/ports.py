"""A port for a server that is told where to listen, and cannot be asked to choose."""

from __future__ import annotations

import socket


def free_port() -> int:
    """A port of this machine that can be listened at, and is nobody's for a minute who asks the system for any.

    A server may ask for more of them itself. A connection that its listener closed first keeps the port in TIME_WAIT,
    which only who names the port may ignore, as servers do (SO_REUSEADDR).
    """
    with socket.create_server(("127.0.0.1", 0)) as probe:
        address = probe.getsockname()
        with socket.create_connection(address):
            probe.accept()[0].close()
        return int(address[1])
