"""Deployment."""

from __future__ import annotations

from tests.differential.kinds.model import Field, Kind

_CONTAINER = {"name": "c", "image": "i"}

DEPLOYMENT = Kind(
    kind="Deployment",
    plural="deployments",
    api_version="apps/v1",
    root="/apis/apps/v1/namespaces/${ns}/deployments",
    base={
        "spec": {
            "selector": {"matchLabels": {"app": "a"}},
            "template": {"metadata": {"labels": {"app": "a"}}, "spec": {"containers": [_CONTAINER]}},
        }
    },
    fields=(
        Field(("spec", "replicas"), (0, 1, 3, None), (-1, "x", 1.5, True)),
        Field(("spec", "paused"), (True, False), ("x",)),
        Field(("spec", "minReadySeconds"), (5,), (-1,)),
        Field(("spec", "revisionHistoryLimit"), (3,), (-2,)),
        Field(("spec", "progressDeadlineSeconds"), (60,), (0, -1)),
        Field(
            ("spec", "strategy"),
            (
                {"type": "Recreate"},
                {"type": "RollingUpdate"},
                {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": "50%"}},
                {},
            ),
            (
                {"type": "Bogus"},
                {"type": "Recreate", "rollingUpdate": {"maxSurge": 1}},
                {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 0}},
                {"rollingUpdate": {"maxSurge": "x"}},
            ),
        ),
        Field(("spec", "template", "metadata", "annotations", "t"), ("1", "2")),
        Field(("spec", "template", "metadata", "labels"), ({"app": "a", "x": "y"},), ({"app": "b"}, {})),
        Field(
            ("spec", "template", "spec", "containers"),
            (
                [_CONTAINER],
                [
                    {
                        "name": "c",
                        "image": "j",
                        "ports": [{"containerPort": 80}],
                        "env": [{"name": "E", "value": "1"}, {"name": "F", "value": "2"}],
                    }
                ],
                [{"name": "c", "image": "i"}, {"name": "d", "image": "i:latest", "command": ["x"], "args": ["y"]}],
                [
                    {
                        "name": "d",
                        "image": "i",
                        "resources": {"limits": {"cpu": "0.5", "memory": "1024Mi"}, "requests": {"cpu": "100m"}},
                    }
                ],
                [
                    {
                        "name": "c",
                        "image": "i",
                        "ports": [{"containerPort": 80}, {"containerPort": 80, "protocol": "UDP", "name": "dns"}],
                        "readinessProbe": {"httpGet": {"path": "/", "port": 80}},
                        "volumeMounts": [{"name": "v", "mountPath": "/v"}],
                    }
                ],
            ),
            (
                [],
                [{"name": "c"}],
                [{"image": "i"}],
                [_CONTAINER, _CONTAINER],
                [{"name": "Bad_Name", "image": "i"}],
                [{"name": "c", "image": "i", "unknown": 1}],
                [{"name": "c", "image": "i", "ports": [{"containerPort": 0}]}],
                [{"name": "c", "image": "i", "env": [{"name": ""}]}],
                [{"name": "c", "image": "i", "imagePullPolicy": "Bogus"}],
                "x",
                [{"name": "c", "image": "i", "resources": {"requests": {"cpu": "2"}, "limits": {"cpu": "1"}}}],
                [{"name": "c", "image": "i", "env": [{"name": "E", "value": "1"}, {"name": "E", "value": "2"}]}],
            ),
        ),
        Field(
            ("spec", "template", "spec", "volumes"),
            ([{"name": "v", "emptyDir": {}}], [{"name": "v", "configMap": {"name": "a"}}]),
            ([{"name": "v"}, {"name": "v"}], [{"emptyDir": {}}]),
        ),
        Field(("spec", "template", "spec", "restartPolicy"), ("Always",), ("Never", "Bogus")),
        Field(("spec", "template", "spec", "nodeSelector"), ({"a": "b"},)),
        Field(
            ("spec", "template", "spec", "tolerations"),
            ([{"key": "k", "operator": "Exists"}], []),
            ([{"operator": "Bogus"}],),
        ),
        Field(("spec", "template", "spec", "terminationGracePeriodSeconds"), (5,)),
        Field(("spec", "template", "spec", "serviceAccountName"), ("s",)),
        Field(
            ("spec", "selector"),
            (),
            ({"matchLabels": {"app": "b"}}, {}, None, {"matchExpressions": [{"key": "app", "operator": "Bogus"}]}),
        ),
        Field(("spec", "unknown"), (), (1,)),
    ),
    status_fields=(
        Field(("status", "replicas"), (1, 2), (-1, "x")),
        Field(("status", "readyReplicas"), (1,)),
        Field(("status", "observedGeneration"), (1,), (-1,)),
        Field(
            ("status", "conditions"),
            (
                [{"type": "Available", "status": "True"}],
                [{"type": "Available", "status": "True", "reason": "R"}, {"type": "Progressing", "status": "False"}],
            ),
            ([{"status": "True"}], [{"type": "A", "status": "True"}, {"type": "A", "status": "False"}]),
        ),
    ),
    has_status=True,
    has_scale=True,
    selectors=("metadata.name=a", "spec.replicas=1"),
)
