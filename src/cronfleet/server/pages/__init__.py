"""What the pages show, gathered from the scheduler, and how it becomes HTML."""
