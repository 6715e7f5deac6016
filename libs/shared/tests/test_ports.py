import socket
from pathlib import Path

import pytest

from libs.shared.ports import LOOPBACK, free_port, free_ports, is_free


def test_free_ports_differ_and_a_taken_one_is_not_free() -> None:
    ports = free_ports(5)
    assert len({*ports, *free_ports(5)}) == 10
    with socket.create_server((LOOPBACK, ports[0])):
        assert not is_free(ports[0])
    assert is_free(ports[0])


def test_no_outgoing_connection_can_take_one() -> None:
    taken_by_connections = Path("/proc/sys/net/ipv4/ip_local_port_range")
    if not taken_by_connections.exists():
        pytest.skip("only Linux tells its range of local ports")
    first, last = map(int, taken_by_connections.read_text().split())
    assert not first <= free_port() <= last


def test_too_many_are_refused_with_the_numbers() -> None:
    with pytest.raises(OSError, match=r"^10001 free ports are needed, \d+ are left from 20000 to 29999$"):
        free_ports(10_001)
