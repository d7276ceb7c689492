"""What keeps mails back until a person has looked, and what that person decides."""
