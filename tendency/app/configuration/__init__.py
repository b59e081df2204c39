"""From yaml and command line to checked plain data and to objects."""
