"""The embedded masakari-api stand-in, for a machine with no cloud."""
