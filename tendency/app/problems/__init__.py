"""Problems and their datasets: made, found, changed."""
