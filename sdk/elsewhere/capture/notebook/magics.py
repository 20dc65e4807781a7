"""What only IPython understands, `%magics` and `!commands`, as plain Python.

IPython itself turns a cell into Python in which each of them is a call of `get_ipython()`. These
calls are replaced here, wherever they stand, by code that does the same without IPython.
"""

from __future__ import annotations

import ast
import builtins
import re
import shlex
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator

#: magics of a line that have no effect on what a program computes: they show something, or install
#: packages, which are captured from the environment that has them
_SHOWING: Final = frozenset(
    re.findall(
        r"\w+",
        """
        alias alias_magic autoawait autocall automagic autoreload autosave clear cls colors config
        conda connect_info debug dirs doctest_mode edit gui hist history less load load_ext lprun
        ls lsmagic ll magic mamba man matplotlib memit micromamba more mprun notebook page pastebin
        pdb pdef pdoc pfile pinfo pinfo2 pip pprint precision prun psearch psource pycat pwd
        qtconsole quickref reload_ext save tensorboard timeit unload_ext uv watermark who who_ls
        whos xmode
        """,
    )
)
#: and those of a cell that only show its body
_SHOWING_CELL: Final = frozenset(
    ["HTML", "html", "javascript", "js", "latex", "markdown", "prun", "svg", "timeit"]
)
#: magics of a cell whose body is the program's own code
_PLAIN_CELL: Final = frozenset(["time", "capture"])
#: commands that IPython takes as magics
_COMMANDS: Final = frozenset(["cat", "cp", "mkdir", "mv", "rm", "rmdir"])
_INSTALLING: Final = re.compile(
    r"\s*(sudo\s+)?((\S*/)?python[\d.]*\s+-m\s+)?(uv\s+)?(pip[\d.]*|conda|mamba)\s+(-\S+\s+)*install\b"
    r"[^;&]*"
)
#: as IPython finds names outside of single quotes
_DOLLAR: Final = re.compile(r"\$(\$?[\w.]+)(?=(?:[^']*'[^']*')*[^']*$)")


@dataclass
class Translation:
    """The text of a cell as it becomes plain. `modules` are to be imported for it, `futures` to
    be the first of the program; `lost` are the magics that are missed elsewhere."""

    names: Container[str]
    transform: Callable[[str], str]
    modules: set[str] = field(default_factory=set)
    futures: set[str] = field(default_factory=set)
    lost: list[str] = field(default_factory=list)

    def plain(self, source: str) -> str:
        """Returns the `source` that IPython has made of a cell without calls of `get_ipython()`.
        Raises SyntaxError for what is not Python."""
        raw = source.encode()
        lines = raw.splitlines(keepends=True)
        starts = [0]
        for line in lines:
            starts.append(starts[-1] + len(line))
        edits = []
        tree = ast.parse(source)
        found: list[tuple[ast.stmt | ast.expr, str]] = [
            (call, self._replaced(call, is_statement=inside)) for call, inside in _calls(tree)
        ]
        for one in tree.body:
            if isinstance(one, ast.ImportFrom) and one.module == "__future__":
                self.futures |= {name.name for name in one.names}
                found.append((one, "pass"))
        for node, text in found:
            assert node.end_lineno is not None
            assert node.end_col_offset is not None
            start = starts[node.lineno - 1] + node.col_offset
            end = starts[node.end_lineno - 1] + node.end_col_offset
            edits.append((start, end, text))
        for start, end, text in sorted(edits, reverse=True):
            raw = raw[:start] + text.encode() + raw[end:]
        return raw.decode()

    def _replaced(self, call: ast.Call, *, is_statement: bool) -> str:
        assert isinstance(call.func, ast.Attribute)
        what, words = call.func.attr, [_text(one) for one in call.args]
        given = [word for word in words if word is not None]
        if len(given) == len(words) > 0:
            if what == "magic":  # as older versions and exports write it
                name, _, rest = given[0].partition(" ")
                what, given = "run_line_magic", [name, rest]
            if what == "system":
                return self._command(given[0])
            if what in ("getoutput", "getoutput_split"):
                return self._output(given[0])
            if what == "run_line_magic":
                name, rest = given[0], "".join(given[1:2])
                return self._line(name, rest.strip(), is_statement=is_statement)
            if what == "run_cell_magic" and len(given) == 3 and is_statement:
                return self._cell(*given)
        self.lost.append(ast.unparse(call.func))
        return self._dropped(ast.unparse(call), is_statement=is_statement, is_missed=False)

    def _line(self, name: str, rest: str, *, is_statement: bool) -> str:
        shown = f"%{name} {rest}".strip()
        if name == "time":
            code = self.plain(self.transform(rest)).strip() or "pass"
            return code if is_statement else f"({code})"
        if name in _SHOWING:
            return self._dropped(shown, is_statement=is_statement, is_missed=False)
        if name in ("system", "sx"):
            return self._output(rest)
        if name in _COMMANDS:
            return self._command(f"{name} {rest}")
        if name == "cd" and not re.match(r"-[^q]|-$", rest):
            folder = re.sub(r"^-q\s*", "", rest).strip("'\"") or "~"
            self.modules.add("os")
            return f"os.chdir(os.path.expanduser({self._literal(folder)}))"
        if name in ("env", "set_env"):
            found = re.match(r"(\w+)(?:\s*=\s*|\s+)(.+)", rest)
            if found is None:  # it is only shown
                return self._dropped(shown, is_statement=is_statement, is_missed=False)
            self.modules.add("os")
            return f"os.environ.__setitem__({found[1]!r}, {self._literal(found[2])})"
        if name == "run" and is_statement and (words := _words(rest)) and words[0][-3:] == ".py":
            self.modules |= {"runpy", "sys"}
            given = ", ".join(self._literal(word) for word in words)
            run = f"runpy.run_path({self._literal(words[0])}, run_name='__main__').items()"
            kept = f"globals().update(one for one in {run} if one[0][:2] != '__')"
            return f"_argv, sys.argv = sys.argv, [{given}]; {kept}; sys.argv = _argv"
        return self._dropped(shown, is_statement=is_statement, is_missed=True)

    def _cell(self, name: str, rest: str, body: str) -> str:
        if name in _PLAIN_CELL:
            code = rest if name == "time" else ""
            return self.plain(self.transform(f"{code}\n{body}" if code else body)).rstrip("\n")
        if name in _SHOWING_CELL:
            return _comment(f"%%{name} {rest}\n{body}")
        words = _words(rest)
        if name in ("bash", "sh", "script") and not any(word.startswith("-") for word in words):
            program = words if name == "script" else [name, *words]
            if program:
                self.modules.add("subprocess")
                return f"subprocess.run({program!r}, input={body!r}, text=True, check=True)"
        if name in ("writefile", "file") and words and words[:-1] in ([], ["-a"]):
            mode = "a" if words[:-1] else "w"
            self.modules.add("pathlib")
            file = f"pathlib.Path({self._literal(words[-1])}).expanduser()"
            return f"with {file}.open({mode!r}) as _file:\n    _file.write({body!r})\ndel _file"
        self.lost.append(f"%%{name}")
        return _comment(f"%%{name} {rest}\n{body}")

    def _command(self, command: str) -> str:
        if _INSTALLING.fullmatch(command):
            return self._dropped(f"!{command}", is_statement=True, is_missed=False)
        self.modules.add("subprocess")
        return f"subprocess.run({self._literal(command)}, shell=True)"

    def _output(self, command: str) -> str:
        if _INSTALLING.fullmatch(command):
            return "[]"
        self.modules.add("subprocess")
        return f"subprocess.getoutput({self._literal(command)}).splitlines()"

    def _dropped(self, shown: str, *, is_statement: bool, is_missed: bool) -> str:
        if is_missed:
            self.lost.append(shown.partition(" ")[0])
        return repr(shown) if is_statement else "None"  # a comment would end the line

    def _literal(self, text: str) -> str:
        """The text as a literal in which `{expressions}` and `$names` have their values. IPython
        leaves it as it is where one of them has none: `$HOME`, `awk '{print $1}'`."""
        template = _DOLLAR.sub(
            lambda found: found[1] if found[1][0] == "$" else f"{{{found[1]}}}", text
        )
        for literal in (f"f{template!r}", f'f"""{template}"""'):
            try:
                parsed = ast.parse(literal, mode="eval")
            except (SyntaxError, ValueError):
                continue
            loaded = {node.id for node in ast.walk(parsed) if isinstance(node, ast.Name)}
            if all(name in self.names or hasattr(builtins, name) for name in loaded):
                return literal if "{" in template else repr(template)
        return repr(text)


def _calls(tree: ast.AST) -> Iterator[tuple[ast.Call, bool]]:
    """Yields the outermost calls of methods of `get_ipython()`, and whether each is a statement."""
    waiting: list[tuple[ast.AST, bool]] = [(tree, False)]
    while waiting:
        node, is_statement = waiting.pop()
        if isinstance(node, ast.Call) and _is_of_shell(node):
            yield node, is_statement
            continue
        inside = isinstance(node, ast.Expr)
        waiting += [(child, inside) for child in ast.iter_child_nodes(node)]


def _is_of_shell(call: ast.Call) -> bool:
    of = call.func
    while isinstance(of, ast.Attribute):
        of = of.value
    return (
        of is not call.func
        and isinstance(of, ast.Call)
        and isinstance(of.func, ast.Name)
        and of.func.id == "get_ipython"
    )


def _text(node: ast.expr) -> str | None:
    is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
    return node.value if is_text else None  # type: ignore[attr-defined]


def _words(rest: str) -> list[str]:
    try:
        return shlex.split(rest)
    except ValueError:
        return []


def _comment(text: str) -> str:
    return "\n".join(f"# {line}".rstrip() for line in text.rstrip("\n").split("\n"))
