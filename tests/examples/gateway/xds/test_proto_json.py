"""The encoder writes what the generated classes would write, and says where a document is wrong."""

from __future__ import annotations

from typing import Any

import pytest

from examples.gateway.xds.messages import EncodingError, class_of
from examples.gateway.xds.proto_json import encode_proto_json
from examples.gateway.xds.resources import ResourceType, encode
from tests.examples.gateway.xds.published import cluster, listener, routes

ROUTE = ResourceType.ROUTE.url
CLUSTER = ResourceType.CLUSTER.url
SECRET = ResourceType.SECRET.url

RICH_ROUTES: dict[str, Any] = {
    "name": "r",
    "ignorePortInHostMatching": True,
    "virtualHosts": [
        {
            "name": "v",
            "domains": ["*.example.com"],
            "routes": [
                {
                    "match": {
                        "pathSeparatedPrefix": "/shop",
                        "headers": [{"name": "authorization", "stringMatch": {"exact": "Bearer é"}}],
                        "runtimeFraction": {"defaultValue": {"numerator": 50, "denominator": "TEN_THOUSAND"}},
                    },
                    "metadata": {"filterMetadata": {"a": {"n": 1.5, "list": [True, None, "x"], "deep": {"k": "v"}}}},
                    "route": {
                        "weightedClusters": {"clusters": [{"name": "c", "weight": 3}, {"name": "d", "weight": 0}]},
                        "timeout": "0.25s",
                        "retryPolicy": {"numRetries": 2, "retryOn": "5xx", "retriableStatusCodes": [503, 504]},
                    },
                    "typedPerFilterConfig": {
                        "envoy.filters.http.fault": {
                            "@type": "type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault",
                            "abort": {"httpStatus": 500, "percentage": {"numerator": 100}},
                        }
                    },
                },
                {"match": {"prefix": ""}, "directResponse": {"status": 401, "body": {"inlineString": ""}}},
            ],
        }
    ],
}
OTHERS: list[tuple[str, dict[str, Any]]] = [
    (CLUSTER, cluster("blue", 80)["cluster/blue"]),
    (ResourceType.ENDPOINT.url, cluster("blue", 80)["endpoint/blue"]),
    (ResourceType.LISTENER.url, listener("http", 8080, route="r")["listener/http"]),
    (ROUTE, routes("r", a="blue")["route/r"]),
    (SECRET, {"name": "s", "tlsCertificate": {"privateKey": {"inlineBytes": "AAH/"}}}),
    (
        CLUSTER,
        {"name": "c", "perConnectionBufferLimitBytes": 32768, "lbPolicy": "LEAST_REQUEST", "respectDnsTtl": False},
    ),
    (ROUTE, RICH_ROUTES),
]


@pytest.mark.parametrize(("url", "document"), OTHERS)
def test_reads_back_as_the_generated_classes_read_the_document(url: str, document: dict[str, Any]) -> None:
    message = class_of(url)

    encoded = encode_proto_json("key", document, url)

    assert message.parse(encoded).to_dict() == message.from_dict(document).to_dict()


def test_takes_both_forms_of_field_names() -> None:
    snake = {"name": "c", "connect_timeout": "5s", "eds_cluster_config": {"service_name": "s"}}
    camel = {"name": "c", "connectTimeout": "5s", "edsClusterConfig": {"serviceName": "s"}}

    assert encode_proto_json("key", snake, CLUSTER) == encode_proto_json("key", camel, CLUSTER)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"nope": 1}, "itself has the unknown field 'nope'; see the fields of Cluster"),
        ({"name": 3}, "name is 3; give a string"),
        ({"respectDnsTtl": "yes"}, "respectDnsTtl is 'yes'; give true or false"),
        ({"edsClusterConfig": []}, "edsClusterConfig is []; give an object with the fields of ClusterEdsClusterConfig"),
        ({"loadAssignment": {"endpoints": {}}}, "loadAssignment.endpoints is {}; give a list"),
        (
            {"type": "EDS", "clusterType": {"name": "x"}},
            "itself has both 'type' and 'clusterType'; Cluster takes one of them",
        ),
        (
            {"transportSocket": {"name": "x", "typedConfig": {"name": "y"}}},
            'transportSocket.typedConfig has no "@type"; give the type URL of the message',
        ),
    ],
)
def test_an_error_names_the_place_and_what_to_write(document: dict[str, Any], message: str) -> None:
    with pytest.raises(EncodingError) as caught:
        encode_proto_json("cluster/c", document, CLUSTER)

    assert str(caught.value) == f"entry 'cluster/c' is no Cluster: {message}"


@pytest.mark.parametrize(
    "document",
    [
        {"connectTimeout": "soon"},
        {"type": "CLOUD"},
        {"perConnectionBufferLimitBytes": "many"},
        {"transportSocket": {"typedConfig": {"@type": "type.googleapis.com/envoy.nothing.v3.X"}}},
    ],
)
def test_values_that_do_not_fit_are_refused(document: dict[str, Any]) -> None:
    with pytest.raises(EncodingError, match="entry 'cluster/c' is no Cluster: "):
        encode_proto_json("cluster/c", document, CLUSTER)


def test_an_error_holds_no_whole_value() -> None:
    key = "-----BEGIN PRIVATE KEY-----" + "A" * 1000

    with pytest.raises(EncodingError) as caught:
        encode_proto_json("secret/s", {"name": "s", "tlsCertificate": key}, SECRET)

    assert "A" * 50 not in str(caught.value)


class TestResources:
    def test_a_cluster_waits_for_its_endpoints_and_a_listener_for_routes_and_secrets(self) -> None:
        tls = {
            "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
            "commonTlsContext": {
                "tlsCertificateSdsSecretConfigs": [{"name": "cert", "sdsConfig": {"ads": {}}}],
                "combinedValidationContext": {
                    "validationContextSdsSecretConfig": {"name": "ca", "sdsConfig": {"ads": {}}}
                },
            },
        }
        document = listener("https", 443, route="r")["listener/https"]
        document["filterChains"][0]["transportSocket"] = {"name": "tls", "typedConfig": tls}

        assert encode("cluster/blue", cluster("blue", 1)["cluster/blue"]).waits_for == {(ResourceType.ENDPOINT, "blue")}
        assert encode("listener/https", document).waits_for == {
            (ResourceType.ROUTE, "r"),
            (ResourceType.SECRET, "cert"),
            (ResourceType.SECRET, "ca"),
        }

    @pytest.mark.parametrize(
        ("key", "message"),
        [
            ("cluster/b", "entry 'cluster/b' is called 'a' inside; Envoy would not find it, so use one name"),
            (
                "gateway/a",
                (
                    "entry 'gateway/a' names no xDS resource; use \"<type>/<name>\" with one of: "
                    "cluster, endpoint, listener, route, secret"
                ),
            ),
        ],
    )
    def test_a_key_that_does_not_fit_is_refused(self, key: str, message: str) -> None:
        with pytest.raises(EncodingError) as caught:
            encode(key, {"name": "a"})

        assert str(caught.value) == message
