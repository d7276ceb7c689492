"""Mails: whom they may go to, and how they leave."""
