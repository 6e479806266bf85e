"""Looking into versions, of a million files too."""
