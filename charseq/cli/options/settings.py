"""Options generated from the settings of a dataclass."""

import functools
import inspect
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar

import typer

from charseq.cli import completions, text_input
from charseq.cli.options.parsers import automatic, filled, number, seconds, whole
from charseq.cli.options.shared import option
from charseq.settings.setting import Setting, option_name, settings_of

T = TypeVar("T")

METAVARS: Mapping[Any, str] = {int: "N", float: "FLOAT", str: "STRING"}
COMPLETIONS: Mapping[str, Callable[..., list[str]]] = {
    "cell": completions.cells,
    "label": completions.labels,
}


@dataclass(frozen=True)
class Asked(Generic[T]):
    """The settings that options ask for."""

    settings: T
    """All settings; those that no option sets have their declared defaults."""
    explicit: Mapping[str, Any]
    """The settings from the command line, the environment or a configuration file, by name."""


def takes_settings(
    kind: type[T],
    *,
    only: Collection[str] | None = None,
    without: Collection[str] = (),
    defaults: Mapping[str, str] = {},
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command an option for each setting of a dataclass, in place of its parameter `asked`.

    `asked` receives them as Asked[kind].  `only` and `without` select settings by name; `defaults` describes
    defaults of this command in words, where they differ.  The command needs a parameter `context`.
    """
    settings = {
        name: setting
        for name, setting in settings_of(kind).items()
        if setting.help and (only is None or name in only) and name not in without
    }

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        signature = inspect.signature(command)
        parameters: list[inspect.Parameter] = []
        for parameter in signature.parameters.values():
            if parameter.name == "asked":
                parameters += (_parameter(setting, defaults) for setting in settings.values())
            else:
                parameters.append(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY))

        @functools.wraps(command)
        def run(*, context: typer.Context, **values: Any) -> None:
            explicit = dict(_explicit(context, settings, values))
            others = {name: value for name, value in values.items() if name not in settings}
            command(context=context, **others, asked=Asked(kind(**explicit), explicit))

        run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        return run

    return decorate


def _explicit(
    context: typer.Context, settings: Mapping[str, Setting], values: Mapping[str, Any]
) -> Iterator[tuple[str, Any]]:
    for name, setting in settings.items():
        source = context.get_parameter_source(name)
        if setting.is_list:
            if items := text_input.from_environment(values[name], name.upper()):
                yield name, items
        elif source and source.name != "DEFAULT" and not (setting.automatic and values[name] is None):
            yield name, values[name]


def _parameter(setting: Setting, defaults: Mapping[str, str]) -> inspect.Parameter:
    default_text = defaults.get(setting.name, setting.default_text)
    default = None if default_text or setting.is_list else setting.default
    kind = list[str] if setting.is_list else setting.type
    return inspect.Parameter(
        setting.name,
        inspect.Parameter.KEYWORD_ONLY,
        annotation=Annotated[kind | None if default is None else kind, _option(setting, default_text)],
        default=default,
    )


def _option(setting: Setting, default_text: str) -> Any:
    flag = option_name(setting.name)
    if setting.type is bool and default_text:
        flag += f"/--no-{flag.removeprefix('--')}"
    details: dict[str, Any] = {}
    if setting.name in COMPLETIONS:
        details["autocompletion"] = COMPLETIONS[setting.name]
    if metavar := setting.metavar or METAVARS.get(setting.type, ""):
        details["metavar"] = metavar
    if parser := _parser(setting):
        details["parser"] = parser
    return option(
        flag,
        *setting.aliases,
        help=setting.help,
        panel=setting.panel,
        listed=setting.is_list,
        default=default_text,
        **details,
    )


def _parser(setting: Setting) -> Callable[[str], Any] | None:
    if setting.duration:
        return seconds
    if setting.bounds:
        parse = whole(setting.bounds) if setting.type is int else number(setting.bounds)
        return automatic(parse) if setting.automatic else parse
    return filled if setting.type is str or setting.is_list else None
