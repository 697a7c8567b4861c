"""The plan and its outcome when no cloud is asked.

What Google computes is unknown in a plan, except what the real provider derives from the arguments
already (``computed`` in ``supplement.json``). Applying puts a recognisable placeholder in its
place.
"""

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

from infra.offline.checks import UNKNOWN, Json, is_unknown

Fill = Callable[[str, Any, Any], Any]


def planned(block: Json, supplement: Json, proposed: Any, prior: Any, project: str) -> Any:
    """Plan the state: what is configured, what was, and what will be known when it is applied."""
    if not isinstance(proposed, dict):
        return proposed
    state = dict(proposed)
    if "project" in block["arguments"] and state.get("project") is None and project:
        state["project"] = project
    if not isinstance(prior, dict):
        for name, form in supplement.get("computed", {}).items():
            if state.get(name) is None and (computed := _formatted(form, state)):
                state[name] = computed
    return _filled(block, state, prior if isinstance(prior, dict) else None)


def _formatted(form: str, state: Mapping[str, Any]) -> str:
    known = {name: value for name, value in state.items() if isinstance(value, str)}
    try:
        return form.format(**known)
    except KeyError:  # an argument that is unknown itself
        return ""


def _filled(block: Json, value: Any, prior: Json | None) -> Any:
    if not isinstance(value, dict):
        return value
    state = dict(value)
    for name, argument in block["arguments"].items():
        if state.get(name) is None and argument.get("computed"):
            state[name] = UNKNOWN if prior is None else prior.get(name)
    for name, nested in block["blocks"].items():
        state[name] = _filled_blocks(nested, state.get(name), (prior or {}).get(name))
    return state


def _filled_blocks(nested: Json, value: Any, prior: Any) -> Any:
    if isinstance(value, list):
        before = prior if isinstance(prior, list) else []
        return [
            _filled(nested, each, before[n] if n < len(before) else None)
            for n, each in enumerate(value)
        ]
    return _filled(nested, value, prior if isinstance(prior, dict) else None)


def applied(type_name: str, block: Json, state: Any) -> Any:
    """Return the planned state with a value for every unknown."""
    if not isinstance(state, dict):
        return state
    done = dict(state)
    for name, argument in block["arguments"].items():
        if is_unknown(done.get(name)):
            done[name] = placeholder(type_name, name, argument["type"], state)
    for name, nested in block["blocks"].items():
        value = done.get(name)
        if is_unknown(value) and not isinstance(value, list):
            done[name] = []
        elif isinstance(value, list):
            done[name] = [applied(type_name, nested, each) for each in value]
        else:
            done[name] = applied(type_name, nested, value)
    return done


def placeholder(type_name: str, name: str, kind: Any, state: Mapping[str, Any]) -> Any:
    """Make a value of the right type that cannot be taken for a real one."""
    if kind == "string":
        words = sorted((k, v) for k, v in state.items() if isinstance(v, str))
        mark = hashlib.sha256(repr(words).encode()).hexdigest()[:8]
        if name.endswith(("uri", "url")):
            return f"https://{state.get('name') or mark}.invalid"
        return f"{type_name}/{mark}" if name == "id" else f"offline-{name}-{mark}"
    if isinstance(kind, str):
        return {"number": 0, "bool": False}.get(kind)
    shape, inner = kind
    if shape == "object":
        return {field: placeholder(type_name, field, each, state) for field, each in inner.items()}
    return {} if shape == "map" else []
