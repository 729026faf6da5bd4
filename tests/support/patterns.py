"""Patterns compiled in this process, without limits: for tests of many small ones."""

import json
from unittest.mock import patch

from charseq.inference import regex_worker

in_process = patch(
    "charseq.inference.automaton._run_worker", lambda _, request: regex_worker.answer(json.loads(request))
)
