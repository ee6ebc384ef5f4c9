"""The kinds that sequences are about."""

from __future__ import annotations

from tests.differential.kinds.core import CONFIG_MAP, LEASE, NAMESPACE, SECRET
from tests.differential.kinds.custom import GADGET, GROUP, WIDGET
from tests.differential.kinds.deployment import DEPLOYMENT
from tests.differential.kinds.metadata import METADATA
from tests.differential.kinds.model import Field, Kind, Path
from tests.differential.kinds.service import SERVICE

KINDS = (CONFIG_MAP, SECRET, SERVICE, DEPLOYMENT, LEASE, NAMESPACE, WIDGET, GADGET)

__all__ = ["GROUP", "KINDS", "METADATA", "Field", "Kind", "Path"]
