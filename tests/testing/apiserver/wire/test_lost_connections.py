"""Requests whose connection is lost before they are answered."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from reconcilekit.kube.transport import Request
from reconcilekit.testing.apiserver.origins import authority_of
from reconcilekit.testing.apiserver.wire import http


@pytest.mark.parametrize(("name", "told"), [(None, "127.0.0.1:6443"), (("127.0.0.2", 81), "127.0.0.2:81")])
def test_where_a_request_was_received_is_forgotten_with_its_connection(name: Any, told: str) -> None:
    incoming: Any = SimpleNamespace(scheme="http", get_extra_info={"sockname": name}.get)
    assert authority_of(http._located(incoming, Request(method="GET", path="/api"))) == told
