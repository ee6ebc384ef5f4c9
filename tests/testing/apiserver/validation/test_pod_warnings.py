"""What Pods are warned of; a recorded case compares the rest."""

from __future__ import annotations

from reconcilekit.testing.apiserver.validation.pod_warnings import pod_warnings


def test_a_secret_without_a_name_is_warned_of_and_two_are_twins() -> None:
    told = list(pod_warnings({"imagePullSecrets": [{}, {}]}, {}, ""))

    assert told == [
        'spec.imagePullSecrets[1].name: duplicate name ""',
        'spec.imagePullSecrets[0].name: invalid empty name ""',
        'spec.imagePullSecrets[1].name: invalid empty name ""',
    ]
