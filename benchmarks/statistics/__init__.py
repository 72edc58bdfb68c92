"""The statistics of comparison: intervals, paired differences, corrections, aggregates. Pure functions of numbers."""
