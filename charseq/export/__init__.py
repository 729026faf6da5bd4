"""Trained models for other programs: one module a format, with its reader where there is one."""
