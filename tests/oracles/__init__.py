"""Slow loops, written straight from the equations.  Nothing here imports snnlab."""
