"""The public functions of a module by what they take, so that no test needs a list of them."""

import inspect


def taking(module, *first: str) -> list:
    """Those whose first parameters have these names."""
    public = [getattr(module, name) for name in module.__all__]
    found = [
        thing
        for thing in public
        if inspect.isfunction(thing)
        and tuple(inspect.signature(thing).parameters)[: len(first)] == first
    ]
    assert found, f"{module.__name__} has no public function that takes {', '.join(first)}"
    return found


def parameters(function) -> set[str]:
    return set(inspect.signature(function).parameters)
