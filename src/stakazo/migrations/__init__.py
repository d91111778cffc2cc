"""The one linear history of the database."""
