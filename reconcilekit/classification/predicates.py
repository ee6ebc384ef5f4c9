"""Questions for callers to whom a failure is part of the work: gone is what a delete wants, expired means relist.

What they ask about are not verdicts: whether a 404 is success, a condition or an error depends on who asked for what.
Each takes the error as the client raised it or the verdict on it, and reads through what it was raised `from`.
"""

from __future__ import annotations

from reconcilekit.classification.answers import Answer, causes_of, read_answer


def is_not_found(error: BaseException) -> bool:
    """404 for one object, which isn't there.

    False for an unknown kind (a CRD that is gone says nothing about its objects) and for a proxy's page. True also
    where a create misses its namespace: `is_namespace_missing` tells.
    """
    answer = _answer(error)
    if answer is None or answer.status != 404:
        return False
    return bool(answer.name) if answer.is_status else answer.body_is_empty


def is_kind_unknown(error: BaseException) -> bool:
    """404 for the kind or its group: the CRD is absent, or discovery is older than the cluster."""
    answer = _answer(error)
    return answer is not None and names_no_object(answer)


def is_namespace_missing(error: BaseException) -> bool:
    """404 for a namespace: what a create in it is told, and what a get or delete of the Namespace itself is told."""
    answer = _answer(error)
    return answer is not None and answer.status == 404 and answer.kind == "namespaces" and bool(answer.name)


def is_namespace_terminating(error: BaseException) -> bool:
    """403 for a create in a namespace that is going away: there is nothing to create any more."""
    answer = _answer(error)
    return answer is not None and answer.status == 403 and answer.has_cause("NamespaceTerminating")


def is_already_exists(error: BaseException) -> bool:
    """409 for a create; never proof that somebody else made the object: look whose it is.

    The server's own retry can meet its own write and answer so to a first and only POST.
    """
    answer = _answer(error)
    return answer is not None and answer.status == 409 and answer.reason == "AlreadyExists"


def is_conflict(error: BaseException) -> bool:
    """409 for a stale resourceVersion or a failed precondition; not for AlreadyExists nor for field managers."""
    answer = _answer(error)
    if answer is None or answer.status != 409 or answer.reason == "AlreadyExists":
        return False
    return not answer.has_cause("FieldManagerConflict")


def is_replaced(error: BaseException) -> bool:
    """The uid that the write named isn't the live object's: it was deleted, and perhaps made anew.

    An apply is told 422 for it, an update and a delete 409 with the uid in the message.
    """
    answer = _answer(error)
    if answer is None:
        return False
    if answer.status == 422:
        return names_other_uid(answer)
    return answer.status == 409 and "UID in" in answer.message and "recondition" in answer.message


def is_expired(error: BaseException) -> bool:
    """410: the resourceVersion of a watch or the continue token of a list is too old; list afresh."""
    answer = _answer(error)
    return answer is not None and answer.status == 410


def is_resource_version_too_large(error: BaseException) -> bool:
    """504 for a resourceVersion that this server hasn't reached (a restored one, perhaps): list with "" instead."""
    answer = _answer(error)
    return answer is not None and answer.status == 504 and answer.has_cause("ResourceVersionTooLarge")


def is_unauthorized(error: BaseException) -> bool:
    """401: reload the credential and try once more."""
    answer = _answer(error)
    return answer is not None and answer.status == 401


def names_no_object(answer: Answer) -> bool:
    """A 404 with empty details ("could not find the requested resource"), or with a text body."""
    if answer.status != 404:
        return False
    return not answer.name if answer.is_status else not answer.body_is_empty


def names_other_uid(answer: Answer) -> bool:
    """A 422 that finds fault with metadata.uid."""
    return any(cause.field == "metadata.uid" for cause in answer.causes)


def _answer(error: BaseException) -> Answer | None:
    for layer in causes_of(error):
        answer = read_answer(layer)
        if answer is not None:
            return answer
    return None
