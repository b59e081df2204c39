"""Trajectories: on disk, as windows, as batches."""

if __name__ == "data":
    raise ImportError(
        "data is a part of tendency: import tendency.data; "
        "a folder data of yours needs an __init__.py to be found before it"
    )
