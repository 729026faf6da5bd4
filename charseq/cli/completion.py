"""charseq completion: what a shell needs to complete commands, options and names."""

from typing import Annotated, Literal

import typer

from charseq.cli.config import ConfigOption
from charseq.cli.options.shared import DebugOption, examples

EXAMPLES = ["charseq completion bash | head -n 1", "charseq completion zsh > _charseq"]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("completion", epilog=examples(EXAMPLES))(completion)


def completion(
    shell: Annotated[Literal["bash", "zsh", "fish"], typer.Argument(help="Which shell is to complete.")],
    config: ConfigOption = None,
    debug: DebugOption = False,
) -> None:
    """Print what a shell needs to complete commands, options, cells and runs."""
    from typer.completion import get_completion_script  # type: ignore[attr-defined]

    script = get_completion_script(prog_name="charseq", complete_var="_CHARSEQ_COMPLETE", shell=shell)
    print(script)  # noqa: T201
