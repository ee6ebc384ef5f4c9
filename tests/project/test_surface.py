"""The public names: all there, all explained, all at home in this package."""

from __future__ import annotations

import importlib
import inspect
import pkgutil

import pytest

import reconcilekit

MODULES = sorted(
    name
    for name in (
        "reconcilekit",
        *(found.name for found in pkgutil.walk_packages(reconcilekit.__path__, "reconcilekit.")),
    )
    if not name.endswith("__main__")
)


def test_names_are_all_there() -> None:
    assert reconcilekit.__all__
    assert len(set(reconcilekit.__all__)) == len(reconcilekit.__all__)
    assert [name for name in reconcilekit.__all__ if not hasattr(reconcilekit, name)] == []
    assert set(reconcilekit.__all__) <= set(dir(reconcilekit))


def test_an_unknown_name_is_an_attribute_error() -> None:
    name = "no_such_name"
    with pytest.raises(AttributeError, match=name):
        getattr(reconcilekit, name)


def explained(value: object) -> bool:
    """True where `value` has a docstring of its own; one that attrs or a base class gave says nothing about it."""
    if inspect.isclass(value):
        return bool(value.__dict__.get("__doc__"))
    return not callable(value) or bool(inspect.getdoc(value))


def test_names_are_explained() -> None:
    assert [name for name in reconcilekit.__all__ if not explained(getattr(reconcilekit, name))] == []


@pytest.mark.parametrize("name", MODULES)
def test_module_is_explained_and_keeps_its_word(name: str) -> None:
    module = importlib.import_module(name)

    assert module.__doc__, f"{name} has no docstring"
    assert [word for word in getattr(module, "__all__", ()) if not hasattr(module, word)] == []


@pytest.mark.parametrize("name", MODULES)
def test_public_code_is_explained(name: str) -> None:
    """The linter asks for docstrings by the way code is written; this asks for what is there when it runs."""
    module = importlib.import_module(name)
    own = {
        key: value
        for key, value in vars(module).items()
        if not key.startswith("_")
        and (inspect.isclass(value) or inspect.isfunction(value))
        and value.__module__ == name
    }
    assert [key for key, value in own.items() if not explained(value)] == []
