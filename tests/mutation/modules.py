"""The modules that are mutated, and the tests of each, the fastest first."""

GROUPS: dict[tuple[str, ...], tuple[str, ...]] = {
    (
        "cells/cell.py", "cells/classic.py", "cells/exponential.py", "cells/minimal.py", "cells/normalized.py",
        "cells/first_weights.py", "cells/ops.py",
    ): (
        "test_cells.py", "test_network.py", "test_shapes.py", "test_reader.py", "test_training_fused.py",
        "test_training_native.py", "test_cells_published.py", "test_cells_registered.py",
    ),
    ("network.py",): (
        "test_network.py", "test_shapes.py", "test_reader.py", "test_model_file.py", "test_training_fused.py",
    ),
    ("batches.py", "sequences.py", "windows.py", "split.py", "conflicts.py"): (
        "test_batches.py", "test_windows.py", "test_conflicts.py", "test_sequences.py", "test_split.py",
        "test_training_material.py", "test_evaluation.py", "test_prediction_as_trained.py",
    ),
    ("training/optimizer.py", "training/parameters.py"): (
        "test_training_optimizer.py", "test_training_learner.py", "test_training_loop.py", "test_resume.py",
    ),
    (
        "training/learner.py", "training/watch.py", "training/keeper.py", "training/place.py",
        "training/snapshot.py", "training/loop.py", "training/session.py", "training/evaluation.py",
        "training/material.py", "training/tally.py",
    ): (
        "test_training_learner.py", "test_evaluation.py", "test_training_material.py",
        "test_training_loop.py", "test_training_long.py", "test_resume.py", "test_resume_refused.py",
        "test_prediction_as_trained.py", "test_replacement.py", "test_training_reports.py",
    ),
    (
        "generation/choice.py", "generation/continuation.py", "generation/beam.py", "generation/ending.py",
        "sliding.py", "reader.py",
    ): (
        "test_choice.py", "test_continuation.py", "test_beam.py", "test_windows.py", "test_reader.py",
        "test_constraint.py", "test_cli_predict.py", "test_prediction_as_trained.py",
    ),
    ("score.py",): ("test_score.py", "test_cli_score.py", "test_prediction_as_trained.py"),
    ("model_file.py", "tensor_file.py", "atomic.py"): (
        "test_model_file_writing.py", "test_formats.py", "test_model_file.py", "test_hostile.py",
    ),
    ("resumption.py",): ("test_resume.py", "test_resume_refused.py", "test_cli_resume.py"),
}  # fmt: skip
FILES = [file for files in GROUPS for file in files]


def tests_of(file: str) -> list[str]:
    """Return the test files of a module."""
    return [test for files, tests in GROUPS.items() if file in files for test in tests]
