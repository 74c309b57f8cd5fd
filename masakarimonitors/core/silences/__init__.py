"""What a person has silenced: whose failures are not told until a time, why, and who wants it. Pure."""
