"""What terminals print for data's part `transfer`."""
