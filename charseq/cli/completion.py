"""charseq completion: a script that lets a shell complete commands, options and names."""

from typing import Annotated, Literal

import typer

from charseq.cli.command import add_command
from charseq.cli.config import ConfigOption
from charseq.cli.options.shared import DebugOption

EXAMPLES = ["charseq completion bash | head -n 1", "charseq completion zsh > _charseq"]


def register(app: typer.Typer) -> None:
    """Add the command."""
    add_command(app, "completion", completion, EXAMPLES)


def completion(
    shell: Annotated[
        Literal["bash", "zsh", "fish"], typer.Argument(metavar="SHELL", help="Shell: bash, zsh or fish.")
    ],
    config: ConfigOption = None,
    debug: DebugOption = False,
) -> None:
    """Print a script that lets a shell complete commands, options, cells and runs."""
    from typer.completion import get_completion_script  # type: ignore[attr-defined]

    script = get_completion_script(prog_name="charseq", complete_var="_CHARSEQ_COMPLETE", shell=shell)
    print(script)  # noqa: T201
