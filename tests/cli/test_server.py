"""What `stakazo serve` listens on."""

from __future__ import annotations

import socket

import pytest

from stakazo.cli.output import Failure
from stakazo.cli.server import listening


def test_an_answer_is_sent_at_once() -> None:
    """Its body doesn't wait until the receiver has acknowledged its head."""
    with listening("127.0.0.1", 0) as listener:
        listener.listen()
        with socket.create_connection(listener.getsockname()), listener.accept()[0] as connection:
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_a_taken_port_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(Failure, match=f"Port {port} on 127.0.0.1 is taken"), listening("127.0.0.1", port):
            pass
