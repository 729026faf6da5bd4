"""Mutation testing of charseq's core: `python -m tests.mutation`.  tests/README.md describes it."""
