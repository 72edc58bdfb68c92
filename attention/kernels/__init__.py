"""The same mathematics, faster or leaner: each kernel stands beside its plain twin, which is its oracle."""
