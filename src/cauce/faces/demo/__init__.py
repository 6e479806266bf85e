"""`cauce demo`: the whole course of a model once, on real data, in a project that stays."""

from cauce.faces.demo.command import main

__all__ = ["main"]
