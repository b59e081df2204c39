"""Small files in exactly the layouts of published datasets, written without a line of what reads them.

One module for each format, with functions ``write_*(folder)`` that return a ``Published`` and functions
``damage_*(folder)`` that write a wrong variant and return its path and words that a message about it must contain.
``all_writers`` and ``all_damages`` find them.
"""
