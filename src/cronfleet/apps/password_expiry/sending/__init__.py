"""From notices that are due to mails that have left, each once."""
