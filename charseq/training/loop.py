"""The training loop: it yields events, writes the model, and never prints."""

from collections.abc import Callable, Generator, Iterator

from charseq.events import End, EndStatus, Epoch, Event, Progress, Report, record
from charseq.runs.folder import Run
from charseq.runs.resume import Resumption
from charseq.settings.train_settings import TrainSettings
from charseq.system.suspension import running_time
from charseq.text.corpus import AnyCorpus
from charseq.text.sources import Given
from charseq.text.vocabulary import Vocabulary
from charseq.training.builder import Session

SECONDS_BETWEEN_PROGRESS = 0.1
SECONDS_BETWEEN_SAVES = 60.0
PLACES_BETWEEN_REPORTS = 1 << 20
"""Within an epoch; eight times what is measured for one, so that measuring takes little of the time."""


def train(
    corpus: AnyCorpus,
    vocabulary: Vocabulary,
    settings: TrainSettings,
    open_run: Callable[[], Run],
    *,
    given: Given | None = None,
    resumed: Resumption | None = None,
    stop: Callable[[], bool] = lambda: False,
    live: bool = False,
    save_every: float = SECONDS_BETWEEN_SAVES,
    began: float | None = None,
) -> Generator[Event, None, None]:
    """Learn a corpus, yielding every event; the model and the log are written on the way.

    `open_run` is called once everything else is known to be possible.  Where the text was `given` is kept
    with the model, so that the run can go on; one that is `resumed` goes on as if it had never stopped.
    `stop` is asked after every update; once it is true the run ends as interrupted, its model saved; so does
    a run whose events are no longer read.  Where
    someone looks on (`live`), progress within an epoch tells now and then what the network writes.  The
    model is saved every so many seconds, less often where that would take more than 2 % of the time.
    A time limit counts from when the run `began`, on the clock of `running_time`: by default now.
    Raises UsageError for a device that is not there, TextError for another text than that of the run that is
    resumed, CharseqError where the run cannot be written.
    """
    session = Session(corpus, vocabulary, settings, given, resumed, stop, live, save_every, began)
    run = open_run()
    ended = False
    try:
        for event in _events(session, run):
            ended = isinstance(event, End)
            if not isinstance(event, Progress):
                run.log(record(event, timed=False))
            yield event
    except GeneratorExit:  # whoever read the events has stopped: in a notebook, by interrupting the cell
        if not ended:
            session.save(run, "interrupted")
            run.log(record(session.end(run, "interrupted"), timed=False))
        raise
    finally:
        run.close()


def _events(session: Session, run: Run) -> Iterator[Event]:
    yield session.start(run)
    status: EndStatus | None = "completed" if session.resumed and session.over() else None
    while status is None:
        status = yield from _epoch(session, run)
    if status == "diverged":
        yield from _salvage(session)
    session.save(run, status)
    yield session.end(run, status)


def _report_is_due(session: Session) -> bool:
    """Whether much was read since the last report, and much is left of the epoch."""
    left = session.material.windows.places - session.place.counts.read
    return session.place.tally.places >= PLACES_BETWEEN_REPORTS and 2 * left >= PLACES_BETWEEN_REPORTS


def _epoch(session: Session, run: Run) -> Generator[Progress | Epoch, None, EndStatus | None]:
    """What is left of a pass over the text.  Returns how the run ended, or None where it goes on."""
    place, counts, windows = session.place, session.place.counts, session.material.windows
    for batch in windows.batches(counts.epochs, counts.batches):
        if _report_is_due(session):
            report = session.measured(Report)
            if report is not None:
                yield report
            elif not session.watch.recover():
                return "diverged"
            place.begin(forget=report is None)
        began = running_time()
        counts.rate = session.learning_rate()
        loss, right, place.states = session.learner.update(batch, place.states, counts.rate)
        counts.updates += 1
        counts.batches += 1
        counts.read += batch.places
        place.tally.add(loss, right, batch.places)
        if not session.watch.is_sound(loss, place.tally, batch.places, counts.updates):
            if not session.watch.recover():
                return "diverged"
            place.begin()
            continue
        session.take_times(float(loss) if counts.updates == 1 else None, batch.places, began)
        if session.stop() or session.clock.is_over:
            break
        if session.keeper.is_due:
            session.save(run)
        if running_time() - session.progressed > SECONDS_BETWEEN_PROGRESS and not session.settings.whole:
            session.progressed = running_time()
            yield session.reporter.progress(place.tally, session.position())
    all_read = counts.batches == len(windows)
    if session.stop() and not (all_read and session.settings.whole):
        return "interrupted"
    event = session.measured(Epoch)
    if event is None:  # the last updates diverged: continue from sound weights, while there is time
        if not session.watch.recover() or session.clock.is_over:
            return "diverged"
        place.begin_epoch_again()
        return None
    if all_read:
        place.begin_epoch(right=event.accuracy == session.highest_accuracy)
    yield event
    if session.stop():
        return "interrupted"
    return "completed" if not all_read or session.over() else None


def _salvage(session: Session) -> Iterator[Epoch]:
    """Where a diverged run has measured nothing yet, measure the last weights that were sound."""
    if session.keeper.best.epoch:
        return
    session.watch.restore()
    session.place.begin()
    event = session.measured(Epoch)
    if event is not None:
        yield event
