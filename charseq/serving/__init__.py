"""Serve a trained model by the completions interface of language models; no torch.

Starlette and uvicorn are imported only where a server starts.
"""
