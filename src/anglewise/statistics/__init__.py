"""Arrays in, numbers out: intervals, tests, planning, calibration."""
