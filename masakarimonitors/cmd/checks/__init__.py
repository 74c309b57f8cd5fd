"""What `masakari-monitors check` looks at: one module for each thing, each of which gives findings."""
