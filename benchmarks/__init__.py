"""The benchmark: runs cells, keeps their records, compares them. Builds on tasks and attention."""
