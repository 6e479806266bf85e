"""What terminals print for data's part `revisions`."""
