"""The options of predict, each written once."""

from typing import Annotated, Literal

from charseq.cli.options.shared import LARGEST_COUNT, LARGEST_SEED, TEXT, filled, number, option

PROMPTS, CHOICE, BOUNDS = "Prompts", "How characters are chosen", "What may be written"

LengthOption = Annotated[
    int | None,
    option(
        "--length",
        metavar="N",
        min=0,
        max=LARGEST_COUNT,
        help="New characters.",
        show_default="to the end of a text learned whole, else 200",
        panel=BOUNDS,
    ),
]
UntilOption = Annotated[
    list[str] | None,
    option(
        "--until",
        parser=filled,
        metavar="STRING",
        help="End once this was written. May be repeated.",
        panel=BOUNDS,
        listed=True,
    ),
]
AllowOption = Annotated[
    str | None,
    option(
        "--allow", parser=filled, metavar="CHARACTERS", help="Generate only these characters.", panel=BOUNDS
    ),
]
PatternOption = Annotated[
    str | None,
    option(
        "--pattern",
        parser=filled,
        metavar="REGEX",
        help="What is written matches this as a whole.",
        panel=BOUNDS,
    ),
]
NovelOption = Annotated[
    bool,
    option(
        "--novel",
        help="Of a model of lines: leave out lines of the training text, and repeats.",
        panel=BOUNDS,
    ),
]
SamplesOption = Annotated[
    int,
    option(
        "--samples",
        metavar="N",
        min=1,
        max=LARGEST_COUNT,
        help="Continuations of each prompt.",
        panel=CHOICE,
    ),
]
GreedyOption = Annotated[bool, option("--greedy", help="Always the likeliest character.", panel=CHOICE)]
TemperatureOption = Annotated[
    float | None,
    option(
        "--temperature",
        parser=number(0, 100),
        metavar="FLOAT",
        help="Below 1 is more conservative, above 1 more random; 0 is greedy.",
        show_default="0 for a text learned whole, else 0.8",
        panel=CHOICE,
    ),
]
TopKOption = Annotated[
    int,
    option(
        "--top-k",
        metavar="N",
        min=0,
        max=LARGEST_COUNT,
        help="Choose among this many; 0 is all.",
        panel=CHOICE,
    ),
]
TopPOption = Annotated[
    float,
    option(
        "--top-p",
        parser=number(0, 1, includes_low=False),
        metavar="FRACTION",
        help="Choose among the likeliest that make up this much.",
        panel=CHOICE,
    ),
]
MinPOption = Annotated[
    float,
    option(
        "--min-p",
        parser=number(0, 1),
        metavar="FRACTION",
        help="Choose among those at least this likely, the likeliest being 1.",
        panel=CHOICE,
    ),
]
BeamOption = Annotated[
    int,
    option(
        "--beam",
        metavar="N",
        min=0,
        max=10_000,
        help="Beam search with N candidates; 0 disables it.",
        panel=CHOICE,
    ),
]
SeedOption = Annotated[
    int,
    option(
        "--seed",
        metavar="N",
        min=0,
        max=LARGEST_SEED,
        help="Fixes what is drawn; equal prompts get equal texts.",
        panel=CHOICE,
    ),
]
PromptLinesOption = Annotated[
    bool,
    option("--lines", help="Every line of a --file is a prompt, not the file as a whole.", panel=PROMPTS),
]
EscapesOption = Annotated[
    bool,
    option(
        "--escapes",
        help=r"Prompts hold \n, \t, \\, \xHH, \uHHHH; answers are written so, too, each a line.",
        panel=PROMPTS,
    ),
]
JSONInputOption = Annotated[
    bool,
    option(
        "--json-input",
        help='Lines of - and --file are objects: {"prompt": "a", "seed": 1, "length": 9}.',
        panel=PROMPTS,
    ),
]
UnknownOption = Annotated[
    Literal["error", "skip", "replace"],
    option("--unknown", help="What becomes of characters that the model does not know.", panel=TEXT),
]
TopOption = Annotated[
    int,
    option("--top", metavar="N", min=0, max=LARGEST_COUNT, help="Alternatives that --json tells."),
]
BatchSizeOption = Annotated[
    int,
    option(
        "--batch-size",
        metavar="N",
        min=1,
        max=10_000,
        help="Texts continued side by side; changes no text.",
    ),
]
OnlyNewOption = Annotated[
    bool, option("--only-new", help="Leave the prompt out; JSON always separates the two.")
]
ShowProbabilitiesOption = Annotated[
    bool, option("--show-probabilities", help="Show how likely each character was.")
]
InteractiveOption = Annotated[
    bool,
    option(
        "--interactive", help="Type, and see what may come next and what each neuron does, with every key."
    ),
]
