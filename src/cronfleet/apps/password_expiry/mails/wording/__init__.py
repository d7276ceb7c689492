"""What the mails say: templates in a language, and the values that they may name."""
