"""Record what a real kube-apiserver says of its kinds: discovery, OpenAPI v2 and v3, version.

What it says is kept as it is, compressed, in `reconcilekit/testing/apiserver/recorded`; the embedded API server serves
it. Two tables are made of it, so that a server starts without reading OpenAPI: `kinds`, from discovery, and `schemas`,
from OpenAPI joined with what only the Go types tell (see gotypes/main.go). The output is the same each time.

    python tools/record_api.py                                   # starts the servers of `make controlplane`
    python tools/record_api.py --server https://127.0.0.1:6443 --token secret
"""

from __future__ import annotations

import contextlib
import gzip
import json
import re
import subprocess
import threading
import urllib.error
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from recording import RealServer, real_server

ROOT = Path(__file__).parents[1]
RECORDED = ROOT / "reconcilekit/testing/apiserver/recorded"
AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
PROTOBUF = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
ADDRESS = "127.0.0.1:6443"
"""Stands for the address of the server that was recorded."""

_PATHS_OF_BOTH = 9
"""Of a namespaced and a cluster-scoped kind, each with status and scale."""


def main() -> None:
    """Record from the server that the arguments name, or from one started for it."""
    with real_server(__doc__) as server:
        record(server)


def record(server: RealServer) -> None:
    """Write every file."""
    discovery = _discovery(server)
    _write("discovery.json", _encode(discovery))
    _write("openapi-v2.json", server.get("/openapi/v2"))
    _write("openapi-v2.pb", server.get("/openapi/v2", accept=PROTOBUF))
    index = json.loads(server.get("/openapi/v3"))["paths"]
    documents = {path: server.get(f"/openapi/v3/{path}") for path in index}
    for path, document in documents.items():
        _write(f"openapi-v3/{path.replace('/', '.')}.json", document)
    _write("openapi-v3.json", _encode({path: entry["serverRelativeURL"] for path, entry in index.items()}))
    definitions = _definitions(documents)
    kinds = list(_kinds(discovery["aggregated"], definitions))
    _write("kinds.json", _encode(kinds))
    roots = [*(kind["schema"] for kind in kinds), *_spoken_below(kinds, definitions)]
    _write("schemas.json", _encode(_schemas(definitions, _go_types(), roots)))
    _write("custom.json", _encode(_custom(server)))


def _custom(server: RealServer) -> dict[str, Any]:
    """How OpenAPI tells of a custom kind: by two made-up ones, whose names `kinds/openapi.py` replaces."""
    for scope, kind in (("Namespaced", "Placeholdered"), ("Cluster", "Placeclustered")):
        server.send(DEFINITIONS, body=_encode(_definition_of(scope, kind))).close()
    v2 = _published(lambda: json.loads(server.get("/openapi/v2")))
    v3 = _published(lambda: json.loads(server.get("/openapi/v3/apis/placehold.er/vplace")))
    custom = {
        "v2": {
            "paths": {path: told for path, told in v2["paths"].items() if "/vplace/" in path},
            "definitions": {name: told for name, told in v2["definitions"].items() if name.startswith("er.placehold")},
        },
        "v3": v3,
    }
    for plural in ("placeholdereds", "placeclustereds"):
        server.send(f"{DEFINITIONS}/{plural}.placehold.er", method="DELETE").close()
    return custom


def _published(fetch: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """The document, once it has both kinds: the server publishes them within a few seconds."""
    for _ in range(200):
        with contextlib.suppress(urllib.error.HTTPError):
            document = fetch()
            if sum("/vplace/" in path for path in document["paths"]) == _PATHS_OF_BOTH:
                return document
        threading.Event().wait(0.1)
    raise SystemExit("the server doesn't publish the OpenAPI of custom kinds")


def _definition_of(scope: str, kind: str) -> dict[str, Any]:
    plural = f"{kind.lower()}s"
    scale = {"specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas"}
    version = {
        "name": "vplace",
        "served": True,
        "storage": True,
        "subresources": {"status": {}, "scale": scale},
        "schema": {"openAPIV3Schema": {"type": "object", "description": "A placeholder."}},
    }
    spec = {"group": "placehold.er", "scope": scope, "names": {"kind": kind, "plural": plural}, "versions": [version]}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.placehold.er"},
        "spec": spec,
    }


def _write(name: str, content: bytes) -> None:
    path = RECORDED / f"{name}.gz"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(content, 9, mtime=0))
    print(f"{path.relative_to(ROOT)}: {len(content):,} bytes, {path.stat().st_size:,} compressed")


def _encode(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def _discovery(server: RealServer) -> dict[str, Any]:
    roots = {
        path: re.sub(r'("serverAddress":)"[^"]*"', rf'\1"{ADDRESS}"', server.get(path).decode()) for path in ("/api",)
    }
    roots |= {path: server.get(path).decode() for path in ("/apis", "/api/v1")}
    version = json.loads(server.get("/version")) | {"gitTreeState": "clean", "platform": "linux/amd64"}
    roots["/version"] = json.dumps(version, indent=2)
    for group in json.loads(roots["/apis"])["groups"]:
        paths = [f"/apis/{group['name']}", *(f"/apis/{version['groupVersion']}" for version in group["versions"])]
        roots |= {path: server.get(path).decode() for path in paths}
    aggregated = {path: server.get(path, accept=AGGREGATED).decode() for path in ("/api", "/apis")}
    return {"legacy": roots, "aggregated": aggregated}


def _definitions(documents: dict[str, bytes]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for document in documents.values():
        found |= json.loads(document).get("components", {}).get("schemas", {})
    return found


def _names(definitions: dict[str, Any]) -> dict[tuple[str, str, str], str]:
    """The names of structs by group, version and kind."""
    return {
        (told["group"], told["version"], told["kind"]): name
        for name, definition in definitions.items()
        for told in definition.get("x-kubernetes-group-version-kind", ())
    }


def _spoken_below(kinds: list[dict[str, Any]], definitions: dict[str, Any]) -> list[str]:
    """The structs that subresources speak and no resource does: TokenRequest, Eviction, Scale."""
    names = _names(definitions)
    below = [subresource for kind in kinds for subresource in kind["subresources"]]
    found = {names.get((told["group"], told["version"], told["kind"]), "") for told in below}
    return sorted(found - {"", *(kind["schema"] for kind in kinds)})


def _kinds(aggregated: dict[str, str], definitions: dict[str, Any]) -> Iterator[dict[str, Any]]:
    names = _names(definitions)
    for path in ("/api", "/apis"):
        for group in json.loads(aggregated[path])["items"]:
            for version in group["versions"]:
                for resource in version.get("resources", ()):
                    yield _kind(group["metadata"].get("name", ""), version["version"], resource, names)


def _kind(group: str, version: str, resource: dict[str, Any], names: dict[tuple[str, str, str], str]) -> dict[str, Any]:
    kind = resource["responseKind"]["kind"]
    return {
        "group": group,
        "version": version,
        "kind": kind,
        "plural": resource["resource"],
        "singular": resource["singularResource"],
        "is_namespaced": resource["scope"] == "Namespaced",
        "verbs": resource["verbs"],
        "short_names": resource.get("shortNames", []),
        "categories": resource.get("categories", []),
        "subresources": [_subresource(group, version, told) for told in resource.get("subresources", ())],
        "schema": names[group, version, kind],
    }


def _subresource(group: str, version: str, told: dict[str, Any]) -> dict[str, Any]:
    # An empty group and version are those of the kind that the subresource belongs to.
    kind = told["responseKind"]
    own = not kind["version"]
    return {
        "name": told["subresource"],
        "group": group if own else kind["group"],
        "version": version if own else kind["version"],
        "kind": kind["kind"],
        "verbs": told["verbs"],
    }


def _go_types() -> dict[str, list[list[str]]]:
    done = subprocess.run(
        ["go", "run", "-mod=readonly", "../gotypes/main.go"],
        cwd=ROOT / "tools/controlplane",
        stdout=subprocess.PIPE,
        check=True,
    )
    types: dict[str, list[list[str]]] = json.loads(done.stdout)
    return types


def _schemas(definitions: dict[str, Any], types: dict[str, list[list[str]]], roots: list[str]) -> dict[str, Any]:
    """Every struct that the kinds are made of, by name."""
    schemas: dict[str, Any] = {}
    waiting = [*roots, "io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions"]
    while waiting:
        name = waiting.pop()
        if name in schemas or name not in types:
            continue
        told = definitions.get(name, {})
        schemas[name] = _schema(told, types[name])
        waiting += [ref for _, go_type, *_ in types[name] for ref in re.findall(r"#([\w.-]+)", go_type)]
    return dict(sorted(schemas.items()))


def _schema(definition: dict[str, Any], fields: list[list[str]]) -> dict[str, Any]:
    properties = definition.get("properties", {})
    schema: dict[str, Any] = {"fields": [_field(field, properties.get(field[0], {})) for field in fields]}
    if definition.get("x-kubernetes-map-type"):
        schema["map"] = definition["x-kubernetes-map-type"]
    if definition.get("required"):
        schema["required"] = definition["required"]
    return schema


_MARKS = {
    "x-kubernetes-list-type": "list",
    "x-kubernetes-list-map-keys": "keys",
    "x-kubernetes-map-type": "map",
    "x-kubernetes-patch-strategy": "patch",
    "x-kubernetes-patch-merge-key": "patch_key",
}


def _field(field: list[str], told: dict[str, Any]) -> list[Any]:
    marks = {short: told[long] for long, short in _MARKS.items() if long in told}
    if told.get("default"):
        marks["default"] = told["default"]
    return [*field, marks] if marks else field


if __name__ == "__main__":
    main()
