"""Free loopback ports for servers that are child processes.

They lie below the ranges from which systems take the local port of an outgoing connection (Linux: 32768 and up,
`ip_local_port_range`; RFC 6335: 49152 and up), else a connection could take one before its server listens, or while the
server is down.  Each process begins somewhere else and gives no port twice before all were tried.
"""

import random
import socket
from itertools import cycle, islice

LOOPBACK = "127.0.0.1"

_FIRST, _PORTS = 20_000, 10_000
_start = random.SystemRandom().randrange(_PORTS)
_candidates = cycle([_FIRST + (_start + offset) % _PORTS for offset in range(_PORTS)])


def free_ports(count: int) -> list[int]:
    """Ports of the loopback interface that are free now, all different; raises `OSError` when there are too few."""
    ports = list(islice(filter(is_free, islice(_candidates, _PORTS)), count))
    if len(ports) < count:
        raise OSError(f"{count} free ports are needed, {len(ports)} are left from {_FIRST} to {_FIRST + _PORTS - 1}")
    return ports


def free_port() -> int:
    """A port of the loopback interface that is free now."""
    (port,) = free_ports(1)
    return port


def is_free(port: int) -> bool:
    """Whether a server could listen on this loopback port now."""
    try:
        socket.create_server((LOOPBACK, port)).close()
    except OSError:
        return False
    return True
