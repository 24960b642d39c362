from __future__ import annotations

import socket

import pytest

from services.local.faults import PartError, PortInUse
from services.local.ports import LOOPBACK, Reserved


@pytest.mark.parametrize("interface", [LOOPBACK, "0.0.0.0"])  # noqa: S104 - a program that listens everywhere
def test_a_port_in_use_is_refused_by_number_with_the_option_that_changes_it(interface: str) -> None:
    with socket.create_server((interface, 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortInUse, match=rf"^Port {port} for Kafka is in use .* with --kafka-port \(0 = any free"):
            Reserved(port, "Kafka", "--kafka-port")


def test_a_free_port_stays_reserved_and_can_still_be_listened_on() -> None:
    reserved = Reserved(0, "Kafka", "--kafka-port")
    others = [Reserved(0, "another", "--other") for _ in range(50)]
    assert reserved.port not in {other.port for other in others}
    with socket.create_server((LOOPBACK, reserved.port)) as server:  # sets SO_REUSEADDR, as Java and PostgreSQL do
        assert server.getsockname()[1] == reserved.port
    for one in (reserved, *others):
        one.release()


def test_a_port_that_is_no_port_is_refused() -> None:
    with pytest.raises(PartError, match="Port 70000 for Kafka cannot be used"):
        Reserved(70000, "Kafka", "--kafka-port")
