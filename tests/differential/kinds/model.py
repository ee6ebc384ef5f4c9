"""What sequences are about: a kind, and which values its fields take, right and wrong ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs

Path = tuple[str, ...]


@attrs.frozen
class Field:
    """One field, and what may be written to it.

    Attributes:
        good: values that are valid by themselves.
        bad: values that some check refuses, or that another type has.
    """

    path: Path
    good: Sequence[Any]
    bad: Sequence[Any] = ()


@attrs.frozen(kw_only=True)
class Kind:
    """One kind.

    Attributes:
        root: the path of its collection.
        base: a valid object, without kind, apiVersion and metadata.
        selectors: field selectors, right and wrong ones.
    """

    kind: str
    plural: str
    api_version: str
    root: str
    base: dict[str, Any]
    fields: Sequence[Field]
    status_fields: Sequence[Field] = ()
    is_namespaced: bool = True
    is_custom: bool = False
    has_status: bool = False
    has_scale: bool = False
    selectors: Sequence[str] = ()
