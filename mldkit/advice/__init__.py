"""What to do about findings, as rows by subject: causes, cures, and when to leave it alone."""
