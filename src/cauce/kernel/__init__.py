"""The nouns and their storage; knows nothing of rooms or faces."""
