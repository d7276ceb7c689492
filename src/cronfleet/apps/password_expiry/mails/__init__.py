"""What the mails say, to users and to administrators."""
