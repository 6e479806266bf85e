"""`cauce demo`: the whole course of a model once, on real data, in a project that stays."""
