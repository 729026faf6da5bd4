"""Export a model to ONNX: a model of one step, a model of a sequence, and a README."""

from charseq.export.formats import Export
from charseq.export.network_alone import network_alone
from charseq.inspection.reported_run import ReportedRun
from charseq.model.model_file import Model


def export(run: ReportedRun, model: Model) -> Export:
    """Return the files of an export.

    Raises UsageError for a network that is too large, and for a cell with operations that cannot be exported.
    """
    from charseq.export.onnx_metadata import metadata
    from charseq.export.onnx_models import sequence_model, step_model
    from charseq.export.onnx_readme import readme

    properties, note = metadata(model), network_alone(model)
    files = {
        "step.onnx": step_model(model.network, model.arrays, properties),
        "sequence.onnx": sequence_model(model.network, model.arrays, properties),
        "README.md": readme(run, model).encode(),
    }
    return Export(files, (note,) if note else ())
