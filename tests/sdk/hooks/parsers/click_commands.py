"""What the tests of click share: commands, and remote runs of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from elsewhere.hooks.registry import PARSERS
from tests.sdk.hooks.command_lines import Task, command_line

attach = PARSERS["click"].attach

Decorate = Callable[[Callable[..., Any]], Callable[..., Any]]


def command(*decorators: Decorate, **given: Any) -> click.Command:
    """A command `train.py` that returns its arguments."""

    def train(**got: object) -> object:
        return got

    decorated: Callable[..., Any] = train
    for decorate in reversed(decorators):
        decorated = decorate(decorated)
    made: click.Command = click.command(**given)(decorated)
    return made


def run(one: click.Command, argv: str = "") -> Any:
    with command_line(*argv.split()):
        return one.main(prog_name="train.py", standalone_mode=False)


def remote(one: click.Command, argv: str = "", **overrides: object) -> Any:
    """Runs the command as a remote run with these overrides of `Args/...`, `__` for `/`."""
    named = {f"Args/{name.replace('__', '/')}": value for name, value in overrides.items()}
    detach = attach(Task(named))
    try:
        return run(one, argv)
    finally:
        detach()


def option(*names: str, **given: Any) -> Decorate:
    return click.option(*names, **given)


def double(_context: click.Context, _option: click.Parameter, value: int) -> int:
    return value * 2


def deploy() -> click.Group:
    """`--verbose`, and the sub-commands `train MODEL --lr` and `data get|put`."""

    @click.group()
    @click.option("--verbose", is_flag=True)
    def cli(verbose: bool) -> None:
        click.echo(verbose)

    @cli.command(help="Trains.")
    @click.argument("model")
    @click.option("--lr", default=0.1)
    def train(**got: object) -> object:
        return "train", got

    @cli.group()
    def data() -> None:
        click.echo("data")

    @data.command()
    @click.option("--n", default=1)
    def get(**got: object) -> object:
        return "get", got

    @data.command()
    @click.option("--m", required=True, type=int)
    def put(**got: object) -> object:
        return "put", got

    return cli


def chained() -> click.Group:
    @click.group(chain=True, invoke_without_command=True)
    def cli() -> None:
        return None

    for name in ("clean", "build", "test"):

        @cli.command(name)
        @click.option("--n", default=1)
        @click.argument("files", nargs=1, default="all")
        def step(name: str = name, **got: object) -> object:
            return name, got

    return cli
