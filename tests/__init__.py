"""Tests, in the shape of the source; `spec/` has the tables, `scenarios/` the conversations."""
