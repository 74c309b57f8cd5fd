"""Files and documents that others have written, and files that are this user's alone: read within bounds."""
