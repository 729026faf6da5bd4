"""How commands show their results: tables, plain lines, and JSON lines."""
