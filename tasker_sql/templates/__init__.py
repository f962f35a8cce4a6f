"""Templates in files: read, checked, converted and drawn."""
