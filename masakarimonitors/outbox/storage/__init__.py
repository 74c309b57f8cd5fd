"""Where rows are kept: one SQLite file, behind a deadline and behind a writer that outlives full disks."""
