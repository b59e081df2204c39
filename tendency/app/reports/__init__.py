"""Reports of one run, of several, and of a sweep."""
