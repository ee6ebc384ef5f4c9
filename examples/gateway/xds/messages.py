"""The one door to the generated protobuf classes (`envoy-data-plane`), so that nothing else knows the generator.

A module of that package is imported when the first message names one of its types: there are hundreds, and a gateway
needs a dozen.
"""

from __future__ import annotations

import functools
import importlib
import warnings
from typing import TYPE_CHECKING

import betterproto2

if TYPE_CHECKING:
    from envoy_data_plane.envoy.service.discovery.v3 import DiscoveryRequest
    from envoy_data_plane.google.protobuf import Any as AnyMessage
    from envoy_data_plane.message_pool import default_message_pool
else:
    with warnings.catch_warnings():
        # pydantic >= 2.12 deprecates the validators that the generator of envoy-data-plane 2.2 still writes.
        warnings.simplefilter("ignore", DeprecationWarning)
        from envoy_data_plane.envoy.service.discovery.v3 import DiscoveryRequest
        from envoy_data_plane.google.protobuf import Any as AnyMessage
        from envoy_data_plane.message_pool import default_message_pool

__all__ = ["AnyMessage", "DiscoveryRequest", "EncodingError", "class_of"]


class EncodingError(ValueError):
    """An entry that can't be said in Envoy's protobuf: an unknown field, type or value."""


@functools.cache
def class_of(type_url: str) -> type[betterproto2.Message]:
    """The generated class of ``type.googleapis.com/<package>.<Message>``.

    Raises:
        EncodingError: `envoy-data-plane` has no such message.
    """
    package = type_url.rpartition("/")[2].rpartition(".")[0]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            importlib.import_module(f"envoy_data_plane.{package}")
        return default_message_pool.url_to_type[type_url]
    except (ModuleNotFoundError, KeyError) as error:
        raise EncodingError(f"is of the unknown type {type_url!r}; envoy-data-plane has no such message") from error
