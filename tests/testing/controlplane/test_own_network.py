"""A test in a network of its own has its addresses, and nobody else's."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from reconcilekit.testing.controlplane import ControlPlane


@pytest.mark.own_network("192.0.2.1", "192.0.2.2")
def test_addresses_are_there_and_no_other_interface_is() -> None:
    for address in ("192.0.2.1", "192.0.2.2", "127.0.0.1"):
        with socket.create_server((address, 0)) as server, socket.create_connection(server.getsockname()):
            pass
    assert [name for _, name in socket.if_nameindex() if name == "lo" or name.startswith("e")] == ["lo"]


@pytest.mark.own_network("192.0.2.1")
def test_a_control_plane_takes_endpoints_there(control_plane: ControlPlane) -> None:
    def status(address: str) -> int:
        endpoints: dict[str, Any] = {
            "metadata": {"generateName": "a-"},
            "addressType": "IPv4",
            "endpoints": [{"addresses": [address]}],
        }
        path = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices"
        return control_plane.admin.ask("POST", path, endpoints)[0]

    assert (status("192.0.2.1"), status("127.0.0.1")) == (201, 422)
