"""The shared language: geometry, conditions, problems, simulators, windows."""

if __name__ == "simulation":
    raise ImportError(
        "simulation is a part of tendency: import tendency.simulation; "
        "a folder simulation of yours needs an __init__.py to be found before it"
    )
