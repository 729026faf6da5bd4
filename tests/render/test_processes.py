"""What people read about several processes."""

from dataclasses import replace

from charseq.render.training_summary import summary, warnings
from tests.support.screens import START


def test_the_summary_names_the_number_of_processes_and_how_often_they_average_weights() -> None:
    several = replace(START, processes=7)
    assert "; 7 processes on cpu (fused, torch), seed 0" in summary(several)
    in_bfloat16 = replace(several, precision="bfloat16")
    assert "; 7 processes on cpu (fused, torch, bfloat16), seed 0" in summary(in_bfloat16)
    averaged = replace(several, settings=replace(START.settings, sync_every=5))
    assert "7 processes on cpu (fused, torch), weights averaged every 5 updates, seed" in summary(averaged)
    assert "averaged" not in summary(replace(averaged, processes=1))


def test_warnings_name_processes_without_work_and_settings_without_effect() -> None:
    settings = replace(START.settings, whole=False, batch_size=5)
    assert warnings(replace(START, settings=settings, processes=5)) == []
    assert warnings(replace(START, settings=settings, processes=7)) == [
        "batches have 5 sequences for 7 processes, so 2 processes have nothing to do: "
        "use fewer processes, or a larger --batch-size"
    ]
    assert warnings(replace(START, settings=replace(settings, sync_every=3))) == [
        "--sync-every 3 has no effect: this run has one process"
    ]
    memorized = replace(START, settings=replace(START.settings, batch_size=3), processes=2)
    assert warnings(memorized) == [
        "batches have 1 sequence for 2 processes, so 1 process has nothing to do: use fewer processes"
    ]
