"""The dashboard: what it asks (snapshot), what it shows of the answers (screens), and the terminal
program that does so again and again (app)."""
