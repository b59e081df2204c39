"""What tests and checks of the whole project share."""
