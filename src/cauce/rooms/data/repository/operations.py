"""Operations of this part of `data`."""
