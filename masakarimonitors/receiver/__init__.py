"""The embedded masakari-api stand-in, for a computer with no cloud, and for tests.

It takes notifications as masakari-api does, answers as it does, keeps them in SQLite and shows them
to people. It recovers nothing: no host is evacuated, no instance is started.
"""
