"""Mails over a real dialogue: the server that takes them, and who sends them."""
