"""Learned physics: networks, what their output means, how it is integrated in time."""

if __name__ == "surrogates":
    raise ImportError(
        "surrogates is a part of tendency: import tendency.surrogates; "
        "a folder surrogates of yours needs an __init__.py to be found before it"
    )
