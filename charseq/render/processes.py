"""What people read about the device of a run, and the processes that share it."""

from collections.abc import Iterator

from charseq.events import Start
from charseq.render.quantities import count


def device_text(start: Start) -> str:
    """Describe where a run trains: cpu (fused, native), or 2 processes on cpu (fused, native)."""
    device = f"{start.device} ({start.path}, {start.kernel})"
    if start.processes == 1:
        return device
    every = start.settings.sync_every
    averaged = f", weights averaged every {every} updates" if every > 1 else ""
    return f"{count(start.processes, 'process', 'es')} on {device}{averaged}"


def idle_processes(start: Start) -> Iterator[str]:
    """Warn of processes that batches have no rows for."""
    settings = start.settings
    rows = min(settings.batch_size, start.sequences) if settings.whole else settings.batch_size
    idle = start.processes - rows
    if idle > 0:
        remedy = "use fewer processes" + ("" if settings.whole else ", or a larger --batch-size")
        yield (
            f"batches have {count(rows, 'sequence')} for {start.processes} processes, so "
            f"{count(idle, 'process', 'es')} {'has' if idle == 1 else 'have'} nothing to do: {remedy}"
        )
