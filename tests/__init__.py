"""Tests mirror the source; `python -m tests` runs everything that must pass."""
