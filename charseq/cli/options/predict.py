"""Options of predict that are no generation settings."""

from typing import Annotated

from charseq.cli.options.shared import file_option, option, text_option
from charseq.settings.setting import ADVANCED, TEXT

PromptTextOption = Annotated[list[str] | None, text_option("A prompt. May be repeated.")]
PromptFileOption = Annotated[
    list[str] | None,
    file_option(
        "A UTF-8 file whose whole text is a prompt, a folder of such files, or - (standard input). "
        "May be repeated."
    ),
]
PromptLinesOption = Annotated[
    bool,
    option("--lines", help="Treat each line of a --file as a prompt, instead of the whole file.", panel=TEXT),
]
EscapesOption = Annotated[
    bool,
    option(
        "--escapes",
        help=r"Read \n, \t, \\, \xHH and \uHHHH in prompts as escapes, and escape them in the output.",
        panel=ADVANCED,
    ),
]
JSONInputOption = Annotated[
    bool,
    option(
        "--json-input",
        help='Read each line of - or --file as an object: {"prompt": "a", "seed": 1, "length": 9}.',
        panel=ADVANCED,
    ),
]
OnlyNewOption = Annotated[
    bool, option("--only-new", help="Print the generated text without the prompt; JSON has both separately.")
]
ShowProbabilitiesOption = Annotated[
    bool, option("--show-probabilities", help="Show the probability of each generated character.")
]
InteractiveOption = Annotated[
    bool,
    option(
        "--interactive",
        help="Show the predictions and every neuron's activation while you type.",
    ),
]
