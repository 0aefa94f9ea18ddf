"""Teaching the next `lite`: scenes are rendered and learned from in one process."""
