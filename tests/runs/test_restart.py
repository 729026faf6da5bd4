"""A job that torchrun has restarted finds its run again."""

from contextlib import ExitStack
from pathlib import Path

import pytest

from charseq.runs.folder import LOG, MODEL, PENDING_LOG
from charseq.runs.restart import JOB, Destination, traced
from charseq.system.torchrun import Place
from tests.support.training import plan_of

FIRST, OTHER = Place(job="one"), Place(job="two")


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CHARSEQ_RUNS", raising=False)


def begun(folder: str, *files: str, job: str = "one") -> Path:
    path = Path(folder)
    path.mkdir(parents=True)
    for name in (LOG, *files):
        (path / name).touch()
    (path / JOB).write_text(f"{job}\n")
    return path


def test_the_first_start_of_a_job_begins_a_run() -> None:
    begun("runs/0001-gru", MODEL)
    asked = Destination(out=Path("new"))
    assert asked.after_restart(FIRST) is asked
    assert Destination().after_restart(Place()) == Destination()
    assert Destination().after_restart(OTHER) == Destination()


def test_a_restarted_job_resumes_its_newest_run() -> None:
    begun("runs/0001-gru", MODEL)
    newest = begun("runs/0002-gru", MODEL)
    begun("runs/0003-gru", MODEL, job="two")
    (Path("runs") / "0004-gru").mkdir()
    assert Destination(parent="old").after_restart(FIRST) == Destination(resume=str(newest))
    assert Destination().after_restart(Place(job="three")) == Destination()


def test_a_restarted_job_resumes_the_run_in_its_folder() -> None:
    out = begun("out", MODEL)
    assert Destination(out=out, force=True).after_restart(FIRST) == Destination(resume="out")
    assert Destination(out=out).after_restart(OTHER) == Destination(out=out)


@pytest.mark.parametrize("files", [(), (MODEL, PENDING_LOG)], ids=["no model", "the model of another run"])
def test_a_job_that_had_saved_nothing_begins_again_in_the_same_folder(files: tuple[str, ...]) -> None:
    folder = begun("runs/0001-gru", *files)
    again = Destination(parent="old").after_restart(FIRST)
    assert again == Destination(out=folder, force=True, parent="old")


def test_a_job_that_resumes_a_run_resumes_it_again() -> None:
    asked = Destination(resume="runs/0001-gru")
    begun("runs/0002-gru", MODEL)
    assert asked.after_restart(FIRST) is asked


def test_a_run_names_its_job_until_it_is_complete() -> None:
    with traced(plan_of("hihello", out=Path("done")), FIRST) as plan:
        plan.open_folder().close()
        assert (Path("done") / JOB).read_text() == "one\n"
    assert not (Path("done") / JOB).exists()
    with ExitStack() as failed:
        plan = failed.enter_context(traced(plan_of("hihello", out=Path("lost")), FIRST))
        plan.open_folder().close()
        assert not failed.__exit__(OSError, OSError("full"), None)
    assert (Path("lost") / JOB).exists()
    with traced(plan_of("hihello", out=Path("alone")), Place()) as plan:
        plan.open_folder().close()
        assert [path.name for path in Path("alone").iterdir() if path.name == JOB] == []
