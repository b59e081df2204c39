"""What an object was built from, as the call that builds it."""

import inspect
from typing import Any


def constructor_call(thing: Any) -> str:
    """``RungeKutta4()``, ``DormandPrince(rtol=1e-08)``: the class, and the arguments other than their defaults.

    Args:
        thing: an object that keeps its arguments as attributes of the same names; others are left out.
    """
    absent = object()
    given = []
    for name, parameter in inspect.signature(type(thing)).parameters.items():
        value = getattr(thing, name, absent)
        # Arrays have no single answer to !=.
        if value is not absent and repr(value) != repr(parameter.default):
            given.append(f"{name}={value!r}")
    return f"{type(thing).__name__}({', '.join(given)})"
