"""`await` outside of functions, which a notebook has and a script has not.

Such a statement becomes a function that one loop of the whole program runs to its end. Tasks that
go on behind it, as in a notebook, go on while further ones run.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

#: begins a program with such statements
LOOP: Final = "import asyncio; _loop = asyncio.new_event_loop(); asyncio.set_event_loop(_loop)"
_SCOPES: Final = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)
#: calls that need a loop that runs
_LOOP_CALLS: Final = ("create_task", "ensure_future", "get_running_loop")


def without_await(source: str) -> str | None:
    """Returns the `source` with such statements as functions, and without comments; None where it
    has none."""
    body = ast.parse(source).body
    awaiting = [any(map(_is_awaiting, _own_nodes(statement))) for statement in body]
    if not any(awaiting):
        return None
    pairs = zip(body, awaiting, strict=True)
    return "\n".join(_run(one) if is_awaiting else ast.unparse(one) for one, is_awaiting in pairs)


def _run(statement: ast.stmt) -> str:
    names = sorted({name for node in _own_nodes(statement) for name in _bound(node)})
    (function,) = ast.parse("async def _cell(): pass").body
    assert isinstance(function, ast.AsyncFunctionDef)
    function.body = [*([ast.Global(names=names)] if names else ()), statement]
    return f"{ast.unparse(function)}\n_loop.run_until_complete(_cell())"


def _is_awaiting(node: ast.AST) -> bool:
    if isinstance(node, (ast.Await, ast.AsyncFor, ast.AsyncWith)):
        return True
    if isinstance(node, ast.comprehension):
        return bool(node.is_async)
    function = node.func if isinstance(node, ast.Call) else None
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    return name in _LOOP_CALLS


def _own_nodes(statement: ast.AST) -> Iterator[ast.AST]:
    """Yields the nodes that run with the statement itself, and not in a function of it."""
    yield statement
    if not isinstance(statement, _SCOPES):
        for child in ast.iter_child_nodes(statement):
            yield from _own_nodes(child)


def _bound(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
        yield node.id
    elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        yield node.name
    elif isinstance(node, (ast.Import, ast.ImportFrom)):
        yield from (one.asname or one.name.partition(".")[0] for one in node.names)
    elif isinstance(node, ast.ExceptHandler) and node.name:
        yield node.name
