"""What a version is and what changed, for people: balance, shift, leakage, bias."""
