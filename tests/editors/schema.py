"""Types as a schema: where a JSON value is not what a type says, with the path to it.

For classes of attrs, and so for lsprotocol's, which are made from the specification's own machine-readable model. What
their converter lets pass is found here: 7 for a text, a null where a property must be left out, a property that there is
none of. Does not build values.
"""

from __future__ import annotations

import enum
import types as python
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, Union, get_args, get_origin

import attrs
from lsprotocol import converters, types

# Resolves the references between the types.
converters.get_converter()


def differences(value: Any, kind: Any, path: str = "") -> Iterator[str]:
    """What is wrong with a value of this kind."""
    path = path or getattr(kind, "__name__", str(kind))
    origin = get_origin(kind)
    if kind is Any or kind is object:
        return
    if kind is types.LSPObject:
        kind = dict
    if kind is None or kind is type(None):
        if value is not None:
            yield f"{path} is {value!r} and not null"
    elif origin in (Union, python.UnionType):
        # The alternative that it comes closest to: one that is not another thing altogether, with the fewest faults.
        found = [list(differences(value, one, path)) for one in get_args(kind)]
        yield from min(found, key=lambda faults: (any(one.startswith(f"{path} ") for one in faults), len(faults)))
    elif origin is Literal:
        if value not in get_args(kind):
            yield f"{path} is {value!r} and none of {get_args(kind)}"
    elif origin is not None and issubclass(origin, tuple):
        yield from _list(value, get_args(kind), path)
    elif origin is not None and issubclass(origin, Mapping):
        yield from _mapping(value, *get_args(kind), path)
    elif origin is not None and issubclass(origin, Sequence):
        yield from _list(value, get_args(kind) * len(value) if isinstance(value, list) else (), path)
    elif attrs.has(kind):
        yield from _object(value, kind, path)
    elif issubclass(kind, enum.Enum):
        if value not in [one.value for one in kind] or isinstance(value, bool):
            yield f"{path} is {value!r} and no {kind.__name__}"
    elif kind is float:
        if not isinstance(value, int | float) or isinstance(value, bool):
            yield f"{path} is {value!r} and no number"
    elif not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        yield f"{path} is {value!r} and no {kind.__name__}"


def _list(value: Any, kinds: tuple[Any, ...], path: str) -> Iterator[str]:
    if not isinstance(value, list) or len(value) != len(kinds):
        yield f"{path} is {value!r} and no such list"
        return
    for number, (one, kind) in enumerate(zip(value, kinds)):
        yield from differences(one, kind, f"{path}[{number}]")


def _mapping(value: Any, key: Any, kind: Any, path: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{path} is {value!r} and no object"
        return
    for name, one in value.items():
        yield from differences(name, key, f"{path}: a key")
        yield from differences(one, kind, f"{path}[{name!r}]")


def _object(value: Any, kind: Any, path: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{path} is {value!r} and no object"
        return
    attrs.resolve_types(kind)
    fields = {_name(field.name): field for field in attrs.fields(kind)}
    for name in value.keys() - fields.keys():
        yield f"{path}.{name} is no property of it"
    for name, field in fields.items():
        # Of a few properties null is a value of its own.
        nullable = kind.__module__ == types.__name__ and types.is_special_property(kind, field.name)
        if name not in value:
            if field.default is attrs.NOTHING or (nullable and name in ("id", "result")):
                yield f"{path}.{name} is missing"
        elif value[name] is None and field.default is None and not nullable:
            yield f"{path}.{name} must be left out and not null"
        else:
            yield from differences(value[name], field.type, f"{path}.{name}")
            yield from _bounds(value[name], field, f"{path}.{name}")


def _bounds(value: Any, field: Any, path: str) -> Iterator[str]:
    """What lsprotocol holds a number against: an unsigned one is not negative."""
    if field.validator and isinstance(value, int):
        try:
            field.validator(None, field, value)
        except (ValueError, TypeError):
            yield f"{path} is {value!r}, which is out of bounds"


def _name(field: str) -> str:
    """`insert_text` is `insertText` on the wire, and `from_` is `from`."""
    first, *rest = field.strip("_").split("_")
    return first + "".join(part.capitalize() for part in rest)
