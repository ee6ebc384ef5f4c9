"""Which kinds can be written down, and what is said of those that can't."""

from __future__ import annotations

import json
from typing import Any

import pytest

from reconcilekit.kube.discovery_documents import parse_root, parse_version
from reconcilekit.kube.resource import Resource


@pytest.mark.parametrize(
    ("api_version", "kind"),
    [
        ("v1", "Secret"),
        ("v2beta10", "Secret"),
        ("apps/v1", "Deployment"),
        ("example.com/v1beta1", "Widget"),
        ("my-group.example.com/stable", "Widget"),
        ("example.com/v1", "widget"),
        ("example.com/v1", "Etcd-Cluster"),
        ("example.com/v1", "W"),
        ("example.com/v1", "Of_Go"),
        ("2.example.com/v1", "S3Bucket"),
    ],
)
def test_what_a_server_may_have_passes(api_version: str, kind: str) -> None:
    resource = Resource(api_version, kind)
    assert str(resource) == f"{kind}.{api_version}"
    assert resource.optional() == resource


EXAMPLE = 'write one as in Resource("example.com/v1", "Kind")'
NO_KIND = f"isn't a kind (letters, digits, - and _, a letter first); {EXAMPLE}"
NO_VERSION = f'isn\'t an apiVersion ("v1", or group/version); {EXAMPLE}'


@pytest.mark.parametrize(
    ("api_version", "kind", "said"),
    [
        ("ConfigMap", "v1", ' has its arguments swapped; write: Resource("v1", "ConfigMap")'),
        ("Deployment", "apps/v1", ' has its arguments swapped; write: Resource("apps/v1", "Deployment")'),
        ("apps", "Deployment", ': \'apps\' has no version; write: Resource("apps/v1", "Deployment")'),
        ("example.com", "Widget", ': \'example.com\' has no version; write: Resource("example.com/v1", "Widget")'),
        ("", "Secret", f": '' {NO_VERSION}"),
        ("v1", "", f": '' {NO_KIND}"),
        ("example.com/", "Widget", f": 'example.com/' {NO_VERSION}"),
        ("/v1", "Secret", f": '/v1' {NO_VERSION}"),
        ("Example.com/v1", "Widget", f": 'Example.com/v1' {NO_VERSION}"),
        ("v1/example.com", "Widget", f": 'v1/example.com' {NO_VERSION}"),
        ("a/b/v1", "Widget", f": 'a/b/v1' {NO_VERSION}"),
        ("v1\n", "Secret", f": 'v1\\n' {NO_VERSION}"),
        ("v1", "pods/eviction", f": 'pods/eviction' {NO_KIND}"),
        ("v1", "Config Map", f": 'Config Map' {NO_KIND}"),
    ],
)
def test_what_no_server_can_have_is_refused(api_version: str, kind: str, said: str) -> None:
    with pytest.raises(ValueError) as caught:
        Resource(api_version, kind)
    assert str(caught.value) == f"Resource({api_version!r}, {kind!r}){said}"


def test_what_is_no_str_is_refused() -> None:
    untyped: Any = None
    with pytest.raises(TypeError) as caught:
        Resource("v1", untyped)
    assert str(caught.value) == (
        "Resource(api_version='v1', kind=None, is_optional=False): None isn't a str; "
        'write: Resource("example.com/v1", "Kind")'
    )


def test_a_servers_odd_entry_is_passed_over() -> None:
    entries = [{"name": "odd", "kind": "Odd Kind"}, {"name": "widgets", "kind": "Widget"}]
    body = json.dumps({"kind": "APIResourceList", "resources": entries}).encode()
    assert [info.resource for info in parse_version("example.com/v1", body)] == [Resource("example.com/v1", "Widget")]


def test_an_aggregated_servers_odd_entry_is_passed_over() -> None:
    entries = [{"resource": name, "responseKind": {"kind": name.title()}} for name in ("odd kinds", "widgets")]
    group = {"metadata": {"name": "example.com"}, "versions": [{"version": "v1", "resources": entries}]}
    body = json.dumps({"kind": "APIGroupDiscoveryList", "items": [group]}).encode()
    assert [info.resource for info in parse_root(body).infos] == [Resource("example.com/v1", "Widgets")]
