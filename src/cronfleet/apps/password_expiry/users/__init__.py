"""Who the users are, wherever they are stored, and what each of them is due."""
