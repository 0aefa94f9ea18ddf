"""A synthetic light stage: scenes rendered under one light at a time, to learn from and to be scored on."""
