"""How a surrogate is fitted."""

if __name__ == "trainers":
    raise ImportError(
        "trainers is a part of tendency: import tendency.trainers; "
        "a folder trainers of yours needs an __init__.py to be found before it"
    )
