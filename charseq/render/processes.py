"""What people read about the device of a run, and the processes that share it."""

from collections.abc import Iterator

from charseq.events import Start
from charseq.render.quantities import count


def device_text(start: Start) -> str:
    """Describe where a run trains: cpu (fused, native, float32), or 2 processes on such a device."""
    precision = "" if start.precision == "auto" else f", {start.precision}"  # unknown in earlier logs
    device = f"{start.device} ({start.path}, {start.kernel}{precision})"
    if start.processes == 1:
        return device
    every = start.settings.sync_every
    averaged = f", weights averaged every {every} updates" if every > 1 else ""
    return f"{count(start.processes, 'process', 'es')} on {device}{averaged}"


def wrong_number(start: Start) -> Iterator[str]:
    """Warn of settings for several processes where there is one, and of processes without work."""
    settings = start.settings
    if start.processes == 1 and settings.sync_every > 1:
        yield f"--sync-every {settings.sync_every} has no effect: this run has one process"
    rows = min(settings.batch_size, start.sequences) if settings.whole else settings.batch_size
    idle = start.processes - rows
    if idle > 0:
        remedy = "use fewer processes" + ("" if settings.whole else ", or a larger --batch-size")
        yield (
            f"batches have {count(rows, 'sequence')} for {start.processes} processes, so "
            f"{count(idle, 'process', 'es')} {'has' if idle == 1 else 'have'} nothing to do: {remedy}"
        )


def other_precision(start: Start) -> Iterator[str]:
    """Say that a resumed run has products of another precision than before, and why."""
    if start.earlier_precision:
        lacking = "this device does not support" if start.processes == 1 else "not every process supports"
        why = f", which {lacking}" if start.settings.precision == "auto" else ""
        yield (
            f"the run continues in {start.precision}; before it was resumed, "
            f"it used {start.earlier_precision}{why}"
        )
