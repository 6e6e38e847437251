//! Estimates, intervals, paired comparison, bootstrap, multiplicity: numbers in, numbers out.
