"""An ADS server: state of the world over gRPC, make before break, one scope of the StateStore per Envoy node.

`AdsServer.node(node_id)` is the subscriber to hand to that scope. Inside, each stop one module: `proto_json` (entries
to protobuf), `resources` (what the order needs to know of one), `plan` (the order), `session` (one Envoy's stream),
`node` (all Envoys of one id), `server` (gRPC).
"""

from __future__ import annotations

from .node import Node, NodeStatistics
from .resources import ResourceType
from .server import AdsServer

__all__ = ["AdsServer", "Node", "NodeStatistics", "ResourceType"]
