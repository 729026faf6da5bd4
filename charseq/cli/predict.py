"""charseq predict: continue prompts with a trained model.  Never imports torch."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from charseq.cli import streams, texts
from charseq.cli.config import ConfigOption
from charseq.cli.options import (
    LARGEST_COUNT,
    LARGEST_SEED,
    TEXT,
    DebugOption,
    FormatOption,
    JSONOption,
    ModelOption,
    chosen_format,
    examples,
    exclusive,
    filled,
    number,
    option,
)
from charseq.errors import UnknownCharacter, UsageError
from charseq.render.visible import visible

if TYPE_CHECKING:
    from charseq.choice import Choice
    from charseq.model_file import Model

EXAMPLES = [
    "charseq predict",
    "charseq predict h",
    "charseq predict h --length 20 --temperature 0.5 --samples 3",
    "printf 'h\\nhi\\n' | charseq predict - --json",
]

CHOICE = "How characters are chosen"
OF_BYTES = "train on it with --unit byte, which takes any bytes"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("predict", epilog=examples(EXAMPLES))(streams.quiet_when_unheard(predict))


def predict(
    prompts: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[PROMPT]...",
            help="What to continue; - reads a prompt a line from standard input.  "
            "Without any, the text's first character, or a new line where lines were learned.",
            show_default=False,
        ),
    ] = None,
    model: ModelOption = None,
    length: Annotated[
        int | None,
        option(
            "--length",
            metavar="N",
            min=0,
            max=LARGEST_COUNT,
            help="New characters.",
            show_default="to the end of a text learned whole, else 200",
            panel=TEXT,
        ),
    ] = None,
    until: Annotated[
        str | None,
        option(
            "--until",
            parser=filled,
            metavar="STRING",
            help="End once this was written.",
            panel=TEXT,
        ),
    ] = None,
    samples: Annotated[
        int,
        option(
            "--samples",
            metavar="N",
            min=1,
            max=LARGEST_COUNT,
            help="Continuations of each prompt.",
            panel=TEXT,
        ),
    ] = 1,
    greedy: Annotated[bool, option("--greedy", help="Always the likeliest character.", panel=CHOICE)] = False,
    temperature: Annotated[
        float | None,
        option(
            "--temperature",
            parser=number(0, 100),
            metavar="FLOAT",
            help="Below 1 plays safe, above 1 dares; 0 is greedy.",
            show_default="0 for a text learned whole, else 0.8",
            panel=CHOICE,
        ),
    ] = None,
    top_k: Annotated[
        int,
        option(
            "--top-k",
            metavar="N",
            min=0,
            max=LARGEST_COUNT,
            help="Choose among this many; 0 is all.",
            panel=CHOICE,
        ),
    ] = 0,
    top_p: Annotated[
        float,
        option(
            "--top-p",
            parser=number(0, 1, includes_low=False),
            metavar="FRACTION",
            help="Choose among the likeliest that make up this much.",
            panel=CHOICE,
        ),
    ] = 1.0,
    seed: Annotated[
        int,
        option(
            "--seed",
            metavar="N",
            min=0,
            max=LARGEST_SEED,
            help="Fixes what is drawn; equal prompts get equal texts.",
            panel=CHOICE,
        ),
    ] = 0,
    only_new: Annotated[bool, option("--only-new", help="Leave the prompt out.")] = False,
    format: FormatOption = "auto",
    json: JSONOption = False,
    config: ConfigOption = None,
    debug: DebugOption = False,
) -> None:
    """Continue prompts with a trained model."""
    from charseq import native

    native.share_cores()
    from charseq import generate
    from charseq.choice import Choice
    from charseq.model_file import read
    from charseq.render.predictions import renderer_for
    from charseq.runs import model_path

    exclusive(greedy=greedy, temperature=temperature)
    path = model_path(model)
    trained = read(path)
    default = generate.default_choice(trained)
    warmth = 0.0 if greedy else default.temperature if temperature is None else temperature
    choice = Choice(warmth, top_k, top_p)
    given = texts.arguments(prompts, unit=trained.vocabulary.unit, remedy=OF_BYTES)
    if not given:
        if prompts:
            raise UsageError("standard input held no prompt", hint="write a prompt a line, or leave - out")
        given = [generate.opening(trained)]
    _require_known(given, trained, path)
    form = chosen_format(format, json=json, terminal=sys.stdout.isatty())
    if model is None:
        _tell_of_newest(path, trained)
    if form != "json":
        _tell_of_choice(path, choice, seed, newest=model is None)
    renderer = renderer_for(form, sys.stdout, trained, only_new=only_new, seed=seed)
    starts = [prompt or generate.opening(trained) for prompt in given]
    requests = [generate.Request(start, seed, sample) for start in starts for sample in range(samples)]
    added = generate.continuations(
        trained,
        requests,
        choice,
        length=length,
        until=[until] if until else [],
        top=generate.SHOWN if form == "json" else None,
    )
    for request, steps in zip(requests, added, strict=True):
        renderer.show(request.prompt, steps)


def _require_known(prompts: Sequence[str], trained: "Model", path: Path) -> None:
    """Refuse a prompt that the model cannot read, before anything is written.  Raises UnknownCharacter."""
    for prompt in prompts:
        try:
            trained.vocabulary.encode(prompt)
        except UnknownCharacter as error:
            raise UnknownCharacter(error.message, hint=f"{path}: {error.hint}") from None


def _tell_of_newest(path: Path, trained: "Model") -> None:
    """Warn of a model that was taken without being named, and has not learned for an epoch."""
    if trained.training.get("epoch") == 0:
        streams.say(
            f"{visible(str(path))}: its run ended within its first epoch; it may have learned little",
            "yellow",
        )


def _tell_of_choice(path: Path, choice: "Choice", seed: int, *, newest: bool) -> None:
    """Tell which model it is, and the seed where there is chance; of a greedy one people only are told."""
    if not choice.greedy:
        streams.say(f"{visible(str(path))}: temperature {choice.temperature:g}, seed {seed}", "dim")
    elif newest and sys.stderr.isatty():
        streams.say(visible(str(path)), "dim")
