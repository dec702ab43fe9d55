"""Config: from what was typed to constructors and their checked arguments."""
