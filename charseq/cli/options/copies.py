"""Options of the commands that search for copies of the training text."""

from typing import Annotated

from charseq.cli.options.shared import option

CopiesOption = Annotated[
    bool,
    option(
        "--copies",
        help="Report the share of each text that occurs verbatim in the training text, in spans of 20 "
        "characters or more, and the longest span.",
    ),
]
ShowCopiesOption = Annotated[
    bool,
    option(
        "--show-copies",
        help="Report the share of the generated text that occurs verbatim in the training text, in spans of "
        "20 characters or more, and the longest span. The prompt does not count.",
    ),
]
AgainstOption = Annotated[
    list[str] | None,
    option(
        "--against",
        metavar="FILE",
        help="A UTF-8 file in which copies are searched for; - is standard input. May be repeated.",
        listed=True,
        default="the training text",
    ),
]
