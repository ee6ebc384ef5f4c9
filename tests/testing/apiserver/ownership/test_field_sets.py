"""Sets of fields as they are written."""

from __future__ import annotations

from reconcilekit.testing.apiserver.ownership.field_sets import ordered


def test_items_are_in_the_order_of_the_values_in_their_keys() -> None:
    https, http = 'k:{"port":443,"protocol":"TCP"}', 'k:{"port":80,"protocol":"TCP"}'
    assert list(ordered({https: {}, "f:b": {}, http: {}, ".": {}, "f:a": {}})) == [".", "f:a", "f:b", http, https]
    assert list(ordered({'v:"x"': {}, "v:10": {}, "v:9": {}, "v:true": {}})) == ["v:9", "v:10", 'v:"x"', "v:true"]
