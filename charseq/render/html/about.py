"""The title of a report, its six facts, the cell's equations, and every setting with its reason."""

import math
import re
import time
from collections.abc import Mapping
from typing import Any

from charseq.cells import CELLS
from charseq.inspection.reported_run import ReportedRun
from charseq.model.network import Network
from charseq.render.quantities import count, duration, floored, significant, size
from charseq.render.visible import visible
from charseq.runs.folder import LOG
from charseq.runs.run_log import number, text
from charseq.settings.defaults import UNLIMITED_EPOCHS
from charseq.settings.setting import option_name, settings_of
from charseq.settings.train_settings import TrainSettings

Record = Mapping[str, Any]
VERDICTS = {
    "underfits": "underfits: both losses were still falling",
    "fits": "fits: it neither underfits nor overfits",
    "overfits": "overfits: the validation loss rose again",
}
"""The verdicts of the end event, in words."""
NGRAM = "n\u2011gram"
"""With a hyphen at which no line ends."""
MAX_TEXT = 60
"""Characters of the name of a text in the title."""
_NAME = re.compile("(.*?)( and [0-9,]+ more)?", re.DOTALL)
"""The name of a text, and the number of other files or strings."""


def best_loss(run: ReportedRun) -> tuple[float | None, str]:
    """Return the loss of the saved model in nats per symbol, and its name; None if none is known."""
    training = run.model.training if run.model else {}
    records = [run.log.end, training]
    for name, words in (("validation_loss", "validation loss"), ("loss", "loss")):
        known = [value for record in records if (value := number(record, name)) is not None]
        measured = [value for event in run.log.evaluations if (value := number(event, name)) is not None]
        known += [min(measured)] if measured else []
        if known:
            return known[0], words
    return None, "loss"


def title(run: ReportedRun) -> str:
    """Return one line: what was trained on what, with its best loss in bits and nats."""
    learned = _text_name(run)
    name, more = _NAME.fullmatch(learned).groups()  # type: ignore[union-attr]  # it matches everything
    head = f"{_network(run)}, trained on “{name}”{more or ''}" if learned else _network(run)
    loss, words = best_loss(run)
    if loss is None:
        return head
    bits, nats = significant(loss / math.log(2)), significant(loss)
    return f"{head}: {words} {bits} bits ({nats} nats) per {_unit(run)}"


def facts(run: ReportedRun) -> list[dict[str, str]]:
    """Return six facts: text, symbols, cell and size, parameters, training, verdict."""
    start = run.log.start
    characters, sequences = number(start, "characters"), number(start, "sequences")
    length = count(int(characters), _unit(run)) if characters is not None else "length unknown"
    if sequences is not None and sequences > 1:
        length += f" in {count(int(sequences), 'line' if start.get('lines') else 'string')}"
    parameters = run.model.network.parameter_count() if run.model else number(start, "parameters")
    symbols = [symbol for symbol in run.symbols if symbol]
    logged = start.get("labels")
    labels = len(run.model.vocabulary.labels if run.model else logged if isinstance(logged, list) else ())
    facts = [
        ("Text", _text_name(run) or "not recorded", length),
        (
            "Symbols",
            f"{len(symbols) - labels:,}",
            f"unit: {run.unit}" + (f", {count(labels, 'label')}" * bool(labels)),
        ),
        ("Cell", _value(run, "cell", "unknown"), _size(run)),
        ("Parameters", f"{int(parameters):,}" if parameters is not None else "unknown", _file(run)),
        ("Training", _trained(run), _ended(run)),
        ("Verdict", *_verdict(run)),
    ]
    return [
        {"name": name, "value": visible(value), "detail": visible(detail)} for name, value, detail in facts
    ]


def equations(run: ReportedRun) -> list[list[str]]:
    """Return the equations of the cell, each with the name of its tensor; empty for an unknown cell."""
    if run.model is not None:
        return [[name, equation] for name, equation in run.model.network.cell.equations().items()]
    cell = CELLS.get(_value(run, "cell", ""))
    return [[name, equation] for name, equation in cell.equations().items()] if cell else []


def settings(run: ReportedRun) -> list[dict[str, str]]:
    """Return every setting with its option, value, reason and meaning."""
    start = run.log.start or (run.model.training.get("settings", {}) if run.model else {})
    reasons = start.get("reasons")
    reasons = reasons if isinstance(reasons, Mapping) else {}
    return [
        {
            "name": option_name(name),
            "value": visible(_setting_text(name, start[name])),
            "reason": visible(str(reasons.get(name, ""))),
            "help": setting.help,
        }
        for name, setting in settings_of(TrainSettings).items()
        if name in start and setting.help  # the others are no options
    ]


def _setting_text(name: str, value: object) -> str:
    if name == "epochs" and value == UNLIMITED_EPOCHS:
        return "unlimited"
    seconds = number({name: value}, name)
    if name == "time_limit" and seconds is not None:
        return duration(seconds)
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _unit(run: ReportedRun) -> str:
    return visible(run.unit)


def _value(run: ReportedRun, name: str, otherwise: str) -> str:
    """Return a fact about the network from the model, or else from the log."""
    if run.model is not None:
        field = "cell_name" if name == "cell" else name
        return str(getattr(run.model.network, field, otherwise))
    value = run.log.start.get(name)
    return otherwise if value is None else str(value)


def _network(run: ReportedRun) -> str:
    cell = _value(run, "cell", "a network")
    return visible(f"{cell}, {_size(run)}" if _size(run) else cell)


def _size(run: ReportedRun) -> str:
    layers, hidden = (_value(run, name, "") for name in ("layers", "hidden_size"))
    if not layers.isdecimal() or not hidden.isdecimal():
        return ""
    return f"{count(int(layers), 'layer')} of {count(int(hidden), 'hidden unit')}"


def _text_name(run: ReportedRun) -> str:
    """Return the name of the text: its files, or its beginning."""
    name = text(run.log.start, "text")
    if not name and run.model and run.model.memorized:
        name = run.model.memorized[0]
    if run.log.start.get("labels"):
        name = name.replace("\t", " ", 1)  # the label of the first line
    return _shortened(name)


def _shortened(name: str) -> str:
    name = visible(name)
    return name if len(name) <= MAX_TEXT else name[: MAX_TEXT - 3] + "..."


def _file(run: ReportedRun) -> str:
    if run.model is None:
        return "no model was saved"
    ngram = run.model.mixture.ngram if run.model.mixture else None
    stored = f"{size(run.model_bytes)} in the model file"
    return stored + (f", with {count(ngram.size, NGRAM)}" if ngram else "")


def _trained(run: ReportedRun) -> str:
    passes = number(run.log.end, "total_passes")
    if passes is None:
        passes = max(
            (number(e, "passes") or number(e, "epoch") or 0.0 for e in run.log.evaluations), default=None
        )
    if passes is None:
        return "not recorded"
    number_text = floored(passes)
    return f"{number_text} epoch" + ("" if number_text == "1" else "s")


def _ended(run: ReportedRun) -> str:
    """Return how and when the run ended, and how long it took if its times are recorded."""
    status = text(run.log.end, "status") or (
        "still training" if run.is_training else "ended without a last event"
    )
    if not run.log.start and not run.log.end:
        return "the log is damaged" if run.log.damaged else "there is no log"
    try:
        changed = (run.folder / LOG).stat().st_mtime
    except OSError:
        return status
    limit = number(run.log.start, "time_limit")
    ended = number(run.log.end, "seconds")  # in early logs only; else the last evaluation has a time
    took = f" after {duration(ended)}" if ended is not None else ""
    if ended is None and run.seconds is not None:
        took = f", last evaluation after {duration(run.seconds)}"
    limited = f" (limit {duration(limit)})" if limit else ""
    return f"{status}{took}{limited}, {time.strftime('%Y-%m-%d %H:%M', time.localtime(changed))}"


def _verdict(run: ReportedRun) -> tuple[str, str]:
    fit, status = text(run.log.end, "fit"), text(run.log.end, "status")
    if status == "interrupted":
        return status, "training ended early, so the fit is not judged"
    if fit in VERDICTS:
        value, _, detail = VERDICTS[fit].partition(": ")
        return value, detail
    if status == "imported":
        return "not judged", "the model was imported, without the log of its training"
    if status == "diverged":
        return "diverged", "the loss became NaN, infinite or far too large"
    if run.model is not None and run.model.training.get("epoch") == 0:
        return "not trained", "the saved weights are the initial ones"
    records = [run.log.end, run.model.training if run.model else {}, *run.log.evaluations[-1:]]
    measured = [number(record, "accuracy") for record in records]
    accuracy = next((value for value in measured if value is not None), None)
    if run.model is not None and run.model.memorized and accuracy is not None:
        verdict = "memorized" if accuracy == 1 else "not memorized"
        return verdict, f"{math.floor(accuracy * 1000) / 10:g}% of the {_unit(run)}s are correct"
    if run.log.start and not run.log.end and not run.is_training:
        return "interrupted", "the log has no end, so the fit is not judged"
    if not run.log.start and run.log.damaged:
        return "not judged", "the log is damaged"
    return "not judged", "too few evaluations, or too little held-out text"


def is_own_cell(network: Network) -> bool:
    """Return whether the cell of a network is one of charseq's own, which a page can run."""
    return network.cell is CELLS.get(network.cell_name)
