"""Renderers: events and rows -> rich tables, plain lines, JSON lines."""
