"""Files as arrays: fetched, read in bounded memory, cached."""
