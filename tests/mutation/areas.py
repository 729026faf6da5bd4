"""The files of the core that are mutated, and the test files that may detect a mutant."""

from pathlib import Path

CORE = (
    "charseq/cells/__init__.py",
    "charseq/cells/cell.py",
    "charseq/cells/classic.py",
    "charseq/cells/exponential.py",
    "charseq/cells/initializers.py",
    "charseq/cells/minimal.py",
    "charseq/cells/normalized.py",
    "charseq/cells/ops.py",
    "charseq/model/network.py",
    "charseq/text/batches.py",
    "charseq/text/sequences.py",
    "charseq/text/validation_split.py",
    "charseq/training/learner.py",
    "charseq/training/parameters.py",
    "charseq/training/divergence.py",
    "charseq/training/best_model.py",
    "charseq/training/state.py",
    "charseq/training/checkpoint.py",
    "charseq/training/optimizer.py",
    "charseq/inference/sampling.py",
    "charseq/inference/continuation.py",
    "charseq/inference/beam_search.py",
    "charseq/inference/stopping.py",
    "charseq/inference/scoring.py",
    "charseq/model/model_file.py",
    "charseq/model/description.py",
    "charseq/model/tensor_file.py",
    "charseq/runs/resume.py",
)

FOLDERS = ("cells", "inference", "inspection", "model", "native", "runs", "settings", "text", "training")
"""The folders of tests whose test files may detect a mutant."""

COMMANDS = (
    "cells",
    "inspect_gradients",
    "inspect_shapes",
    "option_combinations",
    "predict",
    "predict_limits",
    "resume",
    "runs",
    "score",
    "train",
)
"""The test files of commands that may detect a mutant."""

ROOT = Path(__file__).parents[2]

TESTS = (
    "tests/test_api.py",
    *(f"tests/cli/test_{name}.py" for name in COMMANDS),
    *sorted(
        str(path.relative_to(ROOT))
        for folder in FOLDERS
        for path in (ROOT / "tests" / folder).glob("test_*.py")
    ),
)
"""Tests of signals, terminals, pipes and output formats are left out."""
